//! Events to the subscribers of this process. A slow one loses events and is told how many; it never holds a saga
//! up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::event::Subject;
use super::filter::Seen;
use super::{EventFilter, SagaEvent};
use crate::SagaId;
use crate::engine::Observed;
use crate::machine::Record;

/// How many events wait for a subscriber at most.
const BACKLOG_MAX: usize = 1_024;

/// All subscribers of a coordinator.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    count: AtomicUsize,
    subscribers: Mutex<Vec<Weak<Subscriber>>>,
}

#[derive(Debug)]
struct Subscriber {
    /// `None` where all events are wanted.
    filter: Option<EventFilter>,
    backlog: Mutex<Backlog>,
}

#[derive(Debug, Default)]
struct Backlog {
    events: VecDeque<SagaEvent>,
    missed: u64,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Hub {
    pub(crate) fn subscribe(&self, filter: EventFilter) -> Subscription {
        let filter = (filter != EventFilter::all()).then_some(filter);
        let subscriber = Arc::new(Subscriber { filter, backlog: Mutex::default() });
        let mut subscribers = lock(&self.subscribers);
        subscribers.push(Arc::downgrade(&subscriber));
        self.count.store(subscribers.len(), Ordering::Release);
        Subscription { subscriber }
    }

    pub(crate) fn send(&self, observed: Observed<'_>) {
        if self.has_subscribers() {
            self.send_to_those(&Seen::from(&observed), || SagaEvent::new(observed));
        }
    }

    /// Sends an entry of a saga that nobody drives.
    pub(crate) fn send_record(&self, saga: SagaId, record: Record, of: &Subject) {
        if self.has_subscribers() {
            let event = SagaEvent::of_record(saga, record, of);
            let seen = Seen { saga, definition: &of.definition, labels: &of.labels, event: &event.event };
            self.send_to_those(&seen, || event.clone());
        }
    }

    fn has_subscribers(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Sends an event to those who want what is seen.
    fn send_to_those(&self, seen: &Seen<'_>, event: impl Fn() -> SagaEvent) {
        let mut subscribers = lock(&self.subscribers);
        subscribers.retain(|subscriber| {
            let Some(subscriber) = subscriber.upgrade() else { return false };
            if subscriber.filter.as_ref().is_none_or(|filter| filter.matches(seen)) {
                subscriber.push(event());
            }
            true
        });
        self.count.store(subscribers.len(), Ordering::Release);
    }
}

/// The streams end with the coordinator, after what they have not read yet.
impl Drop for Hub {
    fn drop(&mut self) {
        for subscriber in lock(&self.subscribers).iter().filter_map(Weak::upgrade) {
            let mut backlog = lock(&subscriber.backlog);
            backlog.is_closed = true;
            wake(backlog);
        }
    }
}

impl Subscriber {
    fn push(&self, event: SagaEvent) {
        let mut backlog = lock(&self.backlog);
        if backlog.events.len() == BACKLOG_MAX {
            backlog.events.pop_front();
            backlog.missed += 1;
        }
        backlog.events.push_back(event);
        wake(backlog);
    }
}

fn wake(mut backlog: MutexGuard<'_, Backlog>) {
    let waker = backlog.waker.take();
    drop(backlog);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Nothing panics while one of these is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream of events, in the order of each saga's journal. It ends with its coordinator.
#[derive(Debug)]
pub struct Subscription {
    subscriber: Arc<Subscriber>,
}

/// Events that a slow subscriber lost; the ones after them follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{count} events were missed: the subscriber was more than {BACKLOG_MAX} events behind")]
pub struct Missed {
    /// How many.
    pub count: u64,
}

impl Subscription {
    /// The next event; `None` once the coordinator is gone.
    pub async fn next(&mut self) -> Option<Result<SagaEvent, Missed>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<SagaEvent, Missed>>> {
        let mut backlog = lock(&self.subscriber.backlog);
        let count = std::mem::take(&mut backlog.missed);
        if count > 0 {
            return Poll::Ready(Some(Err(Missed { count })));
        }
        match backlog.events.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if backlog.is_closed => Poll::Ready(None),
            None => {
                backlog.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Result<SagaEvent, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}
