//! Publishers and handlers of a coordinator, and what operators do with dead letters.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::Coordinator;
use super::inner::Inner;
use crate::observe::{
    EventFilter, Handler, HandlerStatus, Publisher, PublisherStatus, Publishing, SagaEvent, Settings, Stop,
    Task,
};
use crate::store::outbox::{CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters};
use crate::store::{OutboxStore, StoreError, StoreResult};

/// The publishers of this process.
#[derive(Debug)]
pub(crate) struct Publishers {
    all: Vec<Arc<Publishing>>,
    stop: watch::Sender<Stop>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Publishers {
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let all = names.map(Publishing::new).collect();
        Self { all, stop: watch::Sender::new(Stop::No), tasks: Mutex::default() }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|publishing| publishing.name.as_str())
    }

    pub(super) fn statuses(&self) -> Vec<PublisherStatus> {
        self.all.iter().map(|publishing| publishing.status()).collect()
    }

    /// There are new events, or letters to send again.
    pub(crate) fn tell(&self) {
        for publishing in &self.all {
            publishing.news.notify_one();
        }
    }

    /// Stops them, in order until the deadline, then where they stand.
    pub(super) async fn stop(&self, deadline: Instant) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        self.stop.send_replace(Stop::WhenDone);
        for mut task in tasks {
            if timeout_at(deadline, &mut task).await.is_err() {
                self.stop.send_replace(Stop::Now);
                if timeout_at(deadline + super::shutdown::HALT_TIMEOUT, &mut task).await.is_err() {
                    // The store does not answer.
                    task.abort();
                }
            }
        }
    }
}

pub(super) fn spawn(inner: &Arc<Inner>, publishers: impl Iterator<Item = (Arc<dyn Publisher>, EventFilter)>) {
    let settings = Settings { lease: inner.limits.lease, poll_interval: inner.limits.poll_interval };
    let mut tasks = inner.publishers.tasks.lock().unwrap_or_else(PoisonError::into_inner);
    for (publishing, (publisher, filter)) in inner.publishers.all.iter().zip(publishers) {
        let task = Task {
            store: Arc::downgrade(&inner.store),
            publisher,
            filter,
            worker: inner.worker,
            known: inner.registry.definitions(),
            settings,
            publishing: Arc::clone(publishing),
            stop: inner.publishers.stop.subscribe(),
        };
        tasks.push(tokio::spawn(task.run()));
    }
}

impl Coordinator {
    /// Calls `handler` with each event of the sagas that this coordinator drives, from now on, one after the other.
    /// An error or a panic is counted, and logged under `name`, and the next event follows; a slow one misses events, and
    /// is told so in [`handlers`](Self::handlers). It never holds a saga up.
    ///
    /// For what must not be missed there are [publishers](super::CoordinatorBuilder::publish).
    ///
    /// ```
    /// # use saga::{Coordinator, MemoryStore};
    /// use saga::{EventFilter, EventType};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).build().await?;
    /// let stuck = EventFilter::all().event_type(EventType::SagaStuck);
    /// coordinator.on_event(stuck, "page the operator", |event| async move {
    ///     println!("{} needs somebody", event.saga);
    ///     Ok::<_, std::io::Error>(())
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_event<H, Handling, E>(&self, filter: EventFilter, name: impl Into<String>, handler: H)
    where
        H: Fn(SagaEvent) -> Handling + Send + Sync + 'static,
        Handling: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let entry = Handler::new(name.into());
        self.inner.handlers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&entry));
        tokio::spawn(entry.run(self.subscribe(filter), handler));
    }

    /// What came of the calls of each handler.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerStatus> {
        let handlers = self.inner.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.iter().map(|handler| handler.status()).collect()
    }

    /// What each publisher of this process did.
    #[must_use]
    pub fn publishers(&self) -> Vec<PublisherStatus> {
        self.inner.publishers.statuses()
    }

    /// How far each publisher of the store is, whichever process works for it: its lag, in events and by age, and its
    /// dead letters.
    pub async fn publisher_cursors(&self) -> StoreResult<Vec<CursorStatus>> {
        self.outbox()?.cursors().await
    }

    /// Events that the broker of a publisher refused for good, after this position; 0 from the beginning.
    pub async fn dead_letters(
        &self,
        publisher: impl Into<String>,
        position: u64,
        limit: usize,
    ) -> StoreResult<Vec<DeadLetter>> {
        let after = DeadLettersAfter { publisher: publisher.into(), position, limit, which: Letters::All };
        self.outbox()?.dead_letters(&after).await
    }

    /// Has a dead letter sent again, by whichever process works for its publisher; whether there is one. It is no
    /// letter any more once the broker took it, and keeps the new reason where it is refused again. It comes behind later
    /// events of its saga.
    pub async fn resend(&self, letter: &DeadLetter) -> StoreResult<bool> {
        let changed = self.change(letter, &DeadLetterChange::Resend).await;
        self.inner.publishers.tell();
        changed
    }

    /// Gives a dead letter up: it is deleted. Whether there was one.
    pub async fn dismiss(&self, letter: &DeadLetter) -> StoreResult<bool> {
        self.change(letter, &DeadLetterChange::Remove).await
    }

    /// Forgets the cursor of a publisher that is in use no more, with its dead letters; whether there was one. A
    /// publisher of this name that still works begins anew, with the oldest event that is there.
    pub async fn remove_publisher(&self, name: &str) -> StoreResult<bool> {
        self.outbox()?.remove_cursor(name).await
    }

    async fn change(&self, letter: &DeadLetter, change: &DeadLetterChange) -> StoreResult<bool> {
        self.outbox()?.change_dead_letter(&letter.publisher, letter.position, change).await
    }

    fn outbox(&self) -> StoreResult<&dyn OutboxStore> {
        let store = &self.inner.store;
        let none = || StoreError::unusable(format!("the store `{}` keeps no cursors", store.name()));
        store.outbox().ok_or_else(none)
    }
}
