//! One attempt under way: it ends with an outcome, a panic, or its deadline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{AcquireError, SemaphorePermit};
use tokio::time::Instant;
use tracing::Span;

use super::flow::{AttemptOutcome, Flow, PlaceOf};
use super::lease::Tenure;
use super::mailbox::{Mailbox, Signal};
use super::trace;
use super::workers::Workers;
use crate::context::Attempt;
use crate::instruments::Stopwatch;
use crate::machine::Task;
use crate::store::BoxFuture;
use crate::{ErrorCode, StepError};

/// Which attempt of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptOf {
    pub(super) step: usize,
    pub(super) task: Task,
    pub(super) number: u32,
    /// When it was polled first.
    pub(super) since: Stopwatch,
}

/// What came of a beginning.
pub(super) enum Begun<'a> {
    /// The attempt ended with its first poll.
    Ended(AttemptOutcome),
    /// It waits for a worker, or for what it does.
    Underway(Underway<'a>),
}

/// An attempt: first it waits for a worker, then it runs.
pub(super) struct Underway<'a> {
    pub(super) of: AttemptOf,
    told: Attempt<'a>,
    /// When it is dropped if it has not ended; `None` before it has waited for anything.
    deadline: Option<Instant>,
    span: Span,
    stage: Stage<'a>,
}

enum Stage<'a> {
    Queued(Box<Queued<'a>>),
    /// Its turn came when it must not begin any more: its drive is told to stop.
    Late,
    Active {
        place: PlaceOf<'a>,
        /// Held for as long as the attempt runs, and given back on every way out.
        _worker: Option<SemaphorePermit<'a>>,
    },
}

/// An attempt that waits for a worker.
struct Queued<'a> {
    acquire: BoxFuture<'a, Result<SemaphorePermit<'a>, AcquireError>>,
    doorkeeper: Doorkeeper<'a>,
}

/// What begins an attempt after a wait, if the saga is still its worker's.
#[derive(Clone, Copy)]
pub(super) struct Doorkeeper<'a> {
    pub(super) flow: &'a dyn Flow,
    pub(super) tenure: Option<Tenure<'a>>,
    pub(super) mailbox: &'a Mailbox,
}

impl<'a> Underway<'a> {
    /// Begins an attempt as soon as `workers` has one free, and polls it once. Its timeout counts from there. Its code
    /// runs in the place of `spare`, and is the next spare one, if it ends at once.
    pub(super) fn begin(
        (doorkeeper, workers): (Doorkeeper<'a>, Option<&'a Workers>),
        of: &AttemptOf,
        told: &Attempt<'a>,
        span: Span,
        spare: &mut Option<PlaceOf<'a>>,
        cx: &mut Context<'_>,
    ) -> Begun<'a> {
        let worker = match workers.map(|workers| (workers, workers.try_acquire())) {
            None => None,
            Some((_, Ok(worker))) => Some(worker),
            Some((workers, Err(_))) => {
                let acquire = Box::pin(workers.acquire());
                let stage = Stage::Queued(Box::new(Queued { acquire, doorkeeper }));
                let mut queued = Self { of: *of, told: *told, deadline: None, span, stage };
                return match queued.poll(cx) {
                    Poll::Ready(outcome) => Begun::Ended(outcome),
                    Poll::Pending => Begun::Underway(queued),
                };
            }
        };
        let flow = doorkeeper.flow;
        let place = spare.get_or_insert_with(|| flow.place());
        match within(&span, || place.as_mut().begin(of.task, told, cx)) {
            Poll::Ready(outcome) => Begun::Ended(outcome),
            Poll::Pending => {
                let place = spare.take().unwrap_or_else(|| flow.place());
                let stage = Stage::Active { place, _worker: worker };
                Begun::Underway(Self { of: *of, told: *told, deadline: told.deadline(), span, stage })
            }
        }
    }

    /// When it is dropped if it has not ended; `None` where it waits for a worker, or may take for ever.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
        let mut is_first = false;
        if let Stage::Queued(queued) = &mut self.stage {
            let Poll::Ready(worker) = queued.acquire.as_mut().poll(cx) else { return Poll::Pending };
            let Doorkeeper { flow, tenure, mailbox } = queued.doorkeeper;
            if tenure.is_some_and(|tenure| !tenure.holds_now()) {
                mailbox.send(Signal::Halt);
                self.stage = Stage::Late;
                return Poll::Pending;
            }
            let place = flow.place();
            // The semaphore is never closed; if it were, the attempt runs without a worker's permit.
            self.stage = Stage::Active { place, _worker: worker.ok() };
            self.of.since = Stopwatch::start();
            is_first = true;
        }
        let Stage::Active { place, .. } = &mut self.stage else { return Poll::Pending };
        let place = place.as_mut();
        let poll = within(&self.span, || {
            if is_first { place.begin(self.of.task, &self.told, cx) } else { place.poll(cx) }
        });
        if poll.is_pending() && self.deadline.is_none() {
            self.deadline = self.told.deadline();
        }
        poll
    }

    /// The outcome of an attempt whose deadline passed; its future is dropped with it.
    pub(super) fn timed_out(self) -> AttemptOutcome {
        let outcome = Err(StepError::in_doubt(no_answer_within(self.told.timeout))
            .with_type("saga::Timeout")
            .with_code(ErrorCode::StepTimeout.as_str()));
        trace::record_outcome(&self.span, &outcome);
        outcome
    }
}

fn no_answer_within(timeout: Duration) -> String {
    format!("no answer within {timeout:?}")
}

/// Polls within the attempt's span, which is told of the outcome.
fn within(span: &Span, poll: impl FnOnce() -> Poll<AttemptOutcome>) -> Poll<AttemptOutcome> {
    if span.is_disabled() {
        return catching(poll);
    }
    let poll = span.in_scope(|| catching(poll));
    if let Poll::Ready(outcome) = &poll {
        trace::record_outcome(span, outcome);
    }
    poll
}

/// A panic is an attempt in doubt: how far the step came is not known. Its future is never polled again.
fn catching(poll: impl FnOnce() -> Poll<AttemptOutcome>) -> Poll<AttemptOutcome> {
    catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> StepError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(|text| &**text)).unwrap_or_default();
    let error = StepError::in_doubt(format!("the step panicked: {text}"));
    error.with_type("saga::Panic").with_code(ErrorCode::StepPanicked.as_str())
}
