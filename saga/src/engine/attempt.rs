//! One attempt under way: it ends with an outcome, a panic, or its deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{AcquireError, SemaphorePermit};
use tokio::time::Instant;
use tracing::Span;

use super::flow::{AttemptFuture, AttemptOutcome, Flow};
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
    Active {
        future: AttemptFuture<'a>,
        /// Held for as long as the attempt runs, and given back on every way out.
        _worker: Option<SemaphorePermit<'a>>,
    },
}

/// An attempt that waits for a worker.
struct Queued<'a> {
    acquire: BoxFuture<'a, Result<SemaphorePermit<'a>, AcquireError>>,
    flow: &'a dyn Flow,
}

impl<'a> Underway<'a> {
    /// Begins an attempt as soon as `workers` has one free, and polls it once. Its timeout counts from there. Its code
    /// runs in the place of `spare`, and is the next spare one, if it ends at once.
    pub(super) fn begin(
        (flow, workers): (&'a dyn Flow, Option<&'a Workers>),
        of: &AttemptOf,
        told: &Attempt<'a>,
        span: Span,
        spare: &mut Option<AttemptFuture<'a>>,
        cx: &mut Context<'_>,
    ) -> Begun<'a> {
        let worker = match workers.map(|workers| (workers, workers.try_acquire())) {
            None => None,
            Some((_, Ok(worker))) => Some(worker),
            Some((workers, Err(_))) => {
                let acquire = Box::pin(workers.acquire());
                let stage = Stage::Queued(Box::new(Queued { acquire, flow }));
                let mut queued = Self { of: *of, told: *told, deadline: None, span, stage };
                return match queued.poll(cx) {
                    Poll::Ready(outcome) => Begun::Ended(outcome),
                    Poll::Pending => Begun::Underway(queued),
                };
            }
        };
        let mut future = flow.attempt(of.step, of.task, told, spare.take());
        match poll_attempt(&mut future, &span, cx) {
            Poll::Ready(outcome) => {
                *spare = Some(future);
                Begun::Ended(outcome)
            }
            Poll::Pending => {
                let stage = Stage::Active { future, _worker: worker };
                Begun::Underway(Self { of: *of, told: *told, deadline: told.deadline(), span, stage })
            }
        }
    }

    /// When it is dropped if it has not ended; `None` where it waits for a worker, or may take for ever.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
        if let Stage::Queued(queued) = &mut self.stage {
            let Poll::Ready(worker) = queued.acquire.as_mut().poll(cx) else { return Poll::Pending };
            let future = queued.flow.attempt(self.of.step, self.of.task, &self.told, None);
            // The semaphore is never closed; if it were, the attempt runs without a worker's permit.
            self.stage = Stage::Active { future, _worker: worker.ok() };
            self.of.since = Stopwatch::start();
        }
        let Stage::Active { future, .. } = &mut self.stage else { return Poll::Pending };
        let poll = poll_attempt(future, &self.span, cx);
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
fn poll_attempt(future: &mut AttemptFuture<'_>, span: &Span, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
    if span.is_disabled() {
        return poll_catching(future, cx);
    }
    let poll = span.in_scope(|| poll_catching(future, cx));
    if let Poll::Ready(outcome) = &poll {
        trace::record_outcome(span, outcome);
    }
    poll
}

/// A panic is an attempt in doubt: how far the step came is not known. Its future is never polled again.
fn poll_catching(future: &mut AttemptFuture<'_>, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
    catch_unwind(AssertUnwindSafe(|| future.poll(cx))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let error = StepError::in_doubt(format!("the step panicked: {text}"));
        Poll::Ready(Err(error.with_type("saga::Panic").with_code(ErrorCode::StepPanicked.as_str())))
    })
}
