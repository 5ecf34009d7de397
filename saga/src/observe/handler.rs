//! Functions that are called with events.

use std::fmt::Display;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use super::{SagaEvent, Subscription};

/// What came of the calls of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStatus {
    /// The handler's name.
    pub name: String,
    /// Events that it took.
    pub handled: u64,
    /// Events for which it returned an error or panicked; each is logged.
    pub failed: u64,
    /// Events that it never got, for it was too far behind.
    pub missed: u64,
}

/// A handler's counters.
#[derive(Debug)]
pub(crate) struct Handler {
    name: String,
    handled: AtomicU64,
    failed: AtomicU64,
    missed: AtomicU64,
}

impl Handler {
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    pub(crate) fn status(&self) -> HandlerStatus {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HandlerStatus {
            name: self.name.clone(),
            handled: get(&self.handled),
            failed: get(&self.failed),
            missed: get(&self.missed),
        }
    }

    /// Calls `handler` with one event after the other, until the subscription ends.
    pub(crate) async fn run<H, Handling, E>(self: Arc<Self>, mut events: Subscription, handler: H)
    where
        H: Fn(SagaEvent) -> Handling,
        Handling: Future<Output = Result<(), E>>,
        E: Display,
    {
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(missed) => {
                    self.missed.fetch_add(missed.count, Ordering::Relaxed);
                    tracing::warn!(handler = self.name, missed = missed.count, "a handler is too slow");
                    continue;
                }
            };
            let (saga, sequence) = (event.saga, event.sequence);
            let problem = match caught(|| handler(event)).await {
                Some(Ok(())) => None,
                Some(Err(error)) => Some(error.to_string()),
                None => Some("it panicked".to_owned()),
            };
            match problem {
                None => _ = self.handled.fetch_add(1, Ordering::Relaxed),
                Some(error) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(handler = self.name, saga.id = %saga, sequence, error, "a handler failed");
                }
            }
        }
    }
}

/// What a call comes to; `None` where it panics.
pub(super) async fn caught<T, F: Future<Output = T>>(call: impl FnOnce() -> F) -> Option<T> {
    // Nothing of ours is in the hands of what panics.
    let future = catch_unwind(AssertUnwindSafe(call)).ok()?;
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
