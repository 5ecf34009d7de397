//! One attempt under way: it ends with an outcome, a panic, or its deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::Span;

use super::flow::Flow;
use super::trace;
use crate::context::Attempt;
use crate::machine::Task;
use crate::store::BoxFuture;
use crate::timer::AttemptTimer;
use crate::{Payload, StepError};

/// What an attempt ended with.
pub(super) type AttemptOutcome = Result<Option<Payload>, StepError>;

/// Which attempt of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptOf {
    pub(super) step: usize,
    pub(super) task: Task,
    pub(super) number: u32,
}

/// An attempt: first it waits for a worker, then it runs.
pub(super) struct Underway<'a> {
    pub(super) of: AttemptOf,
    timer: AttemptTimer<'a>,
    /// When it is dropped if it has not ended; `None` before it has waited for anything.
    deadline: Option<Instant>,
    span: Span,
    stage: Stage<'a>,
}

enum Stage<'a> {
    Queued(Box<Queued<'a>>),
    Active {
        future: BoxFuture<'a, AttemptOutcome>,
        /// Held for as long as the attempt runs, and given back on every way out.
        _worker: Option<SemaphorePermit<'a>>,
    },
}

/// An attempt that waits for a worker.
struct Queued<'a> {
    acquire: BoxFuture<'a, Result<SemaphorePermit<'a>, AcquireError>>,
    flow: &'a dyn Flow,
    told: Attempt<'a>,
}

impl<'a> Underway<'a> {
    /// Begins an attempt as soon as `workers` has one free. Its timeout counts from there.
    pub(super) fn begin(
        flow: &'a dyn Flow,
        of: AttemptOf,
        told: Attempt<'a>,
        workers: Option<&'a Semaphore>,
        span: Span,
    ) -> Self {
        let free = workers.map(Semaphore::try_acquire);
        let stage = match (workers, free) {
            (Some(workers), Some(Err(_))) => {
                Stage::Queued(Box::new(Queued { acquire: Box::pin(workers.acquire()), flow, told }))
            }
            (_, free) => {
                let future = flow.attempt(of.step, of.task, told);
                Stage::Active { future, _worker: free.and_then(Result::ok) }
            }
        };
        Self { of, timer: told.timer, deadline: None, span, stage }
    }

    /// When it is dropped if it has not ended; `None` where it waits for a worker, or may take for ever.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
        if let Stage::Queued(queued) = &mut self.stage {
            let Poll::Ready(worker) = queued.acquire.as_mut().poll(cx) else { return Poll::Pending };
            let future = queued.flow.attempt(self.of.step, self.of.task, queued.told);
            // The semaphore is never closed; if it were, the attempt runs without a worker's permit.
            self.stage = Stage::Active { future, _worker: worker.ok() };
        }
        let Stage::Active { future, .. } = &mut self.stage else { return Poll::Pending };
        let entered = (!self.span.is_disabled()).then(|| self.span.enter());
        let poll = poll_catching(future.as_mut(), cx);
        drop(entered);
        match &poll {
            Poll::Ready(outcome) => trace::record_outcome(&self.span, outcome),
            Poll::Pending if self.deadline.is_none() => self.deadline = self.timer.deadline(),
            Poll::Pending => {}
        }
        poll
    }

    /// The outcome of an attempt whose deadline passed; its future is dropped with it.
    pub(super) fn timed_out(self) -> AttemptOutcome {
        let outcome = Err(StepError::in_doubt(no_answer_within(self.timer.timeout()))
            .with_type("saga::Timeout")
            .with_code("SAGA_STEP_TIMEOUT"));
        trace::record_outcome(&self.span, &outcome);
        outcome
    }
}

fn no_answer_within(timeout: Duration) -> String {
    format!("no answer within {timeout:?}")
}

/// A panic is an attempt in doubt: how far the step came is not known. Its future is never polled again.
fn poll_catching(
    future: Pin<&mut (dyn Future<Output = AttemptOutcome> + Send + '_)>,
    cx: &mut Context<'_>,
) -> Poll<AttemptOutcome> {
    catch_unwind(AssertUnwindSafe(|| future.poll(cx))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let error = StepError::in_doubt(format!("the step panicked: {text}"));
        Poll::Ready(Err(error.with_type("saga::Panic").with_code("SAGA_STEP_PANICKED")))
    })
}
