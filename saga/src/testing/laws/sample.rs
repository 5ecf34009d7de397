//! Sagas as the laws write them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::machine::{By, Event, Record, SagaStarted, SagaState};
use crate::store::{Append, Beat, Claim, HeadChange, Refusal, SagaInstance, Store};
use crate::{Fingerprint, Labels, Payload, SagaId, Timestamp, WorkerId};

/// A saga to be created; what a law doesn't set is the same for all.
#[derive(Clone)]
pub(super) struct New {
    pub(super) id: SagaId,
    pub(super) definition: &'static str,
    pub(super) version: u32,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: Option<String>,
    pub(super) labels: Labels,
    pub(super) head: HeadChange,
    pub(super) input: Payload,
}

pub(super) fn fingerprint(hex: &str) -> Fingerprint {
    hex.parse().expect("the laws write hex digits")
}

/// A saga that nobody owns, and that may be taken up at once.
pub(super) fn new() -> New {
    New {
        id: SagaId::new(),
        definition: "order",
        version: 1,
        fingerprint: fingerprint("fedcba9876543210"),
        key: None,
        labels: Labels::new(),
        head: HeadChange { state: SagaState::Pending, owner: None, wake_at: None },
        input: Payload::from(b"{}".as_slice()),
    }
}

impl New {
    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Driven by this worker.
    pub(super) fn owner(mut self, worker: WorkerId) -> Self {
        self.head = HeadChange { state: SagaState::Running, owner: Some(worker), wake_at: None };
        self
    }

    pub(super) fn wake_at(mut self, at: Timestamp) -> Self {
        self.head.wake_at = Some(at);
        self
    }

    pub(super) fn state(mut self, state: SagaState) -> Self {
        self.head.state = state;
        self
    }

    pub(super) fn definition(mut self, name: &'static str) -> Self {
        self.definition = name;
        self
    }

    pub(super) fn append(&self) -> Append {
        let started = SagaStarted {
            definition: Cow::Borrowed(self.definition),
            version: self.version,
            fingerprint: self.fingerprint,
            codec: Cow::Borrowed("json"),
            labels: self.labels.clone(),
            key: self.key.clone(),
            start_at: Timestamp::from_micros(1),
            deadline: None,
            owner: self.head.owner,
            input: self.input.clone(),
        };
        Append {
            saga: self.id,
            expected: 0,
            events: vec![Event::SagaStarted(Box::new(started))],
            head: Some(self.head),
            answered: None,
        }
    }

    /// Creates it, and returns its id.
    pub(super) async fn create(&self, store: &Arc<dyn Store>) -> SagaId {
        take(store, &self.append()).await;
        self.id
    }
}

/// Another event of a saga, without a change of its head.
pub(super) fn step(saga: SagaId, expected: u64) -> Append {
    Append { saga, expected, events: vec![done(0, b"1")], head: None, answered: None }
}

/// A step that is done, with this output.
pub(super) fn done(step: usize, output: &[u8]) -> Event {
    Event::StepCompleted { step, attempt: 1, by: By::Execution, output: Payload::from(output) }
}

/// A change of a saga's head.
pub(super) fn change(saga: SagaId, expected: u64, head: HeadChange) -> Append {
    Append { head: Some(head), ..step(saga, expected) }
}

/// The end of a saga.
pub(super) fn end(saga: SagaId, expected: u64, state: SagaState) -> Append {
    Append {
        saga,
        expected,
        events: vec![Event::Ended { state, not_undone: Vec::new() }],
        head: Some(HeadChange { state, owner: None, wake_at: None }),
        answered: None,
    }
}

/// A saga that has ended.
pub(super) async fn ended(store: &Arc<dyn Store>, new: New, state: SagaState) -> SagaId {
    let id = new.create(store).await;
    take(store, &end(id, 1, state)).await;
    id
}

pub(super) async fn append(store: &Arc<dyn Store>, append: &Append) -> Result<Timestamp, Refusal> {
    store.append_one(append).await.expect("the store answers")
}

/// Appends what must be taken.
pub(super) async fn take(store: &Arc<dyn Store>, taken: &Append) -> Timestamp {
    append(store, taken).await.expect("the append is taken")
}

pub(super) async fn load(store: &Arc<dyn Store>, saga: SagaId) -> Vec<Record> {
    store.load(saga).await.expect("the journal is read")
}

pub(super) async fn instance(store: &Arc<dyn Store>, saga: SagaId) -> SagaInstance {
    store.instance(saga).await.expect("the saga is read").expect("the saga is there")
}

pub(super) async fn now(store: &Arc<dyn Store>) -> Timestamp {
    store.ping().await.expect("the store is alive")
}

/// A time of the store's that is later than all before.
pub(super) async fn later(store: &Arc<dyn Store>) -> Timestamp {
    let before = now(store).await;
    loop {
        let after = now(store).await;
        if after > before {
            return after;
        }
        tokio::task::yield_now().await;
    }
}

/// Claims sagas of all definitions for a worker with a running lease.
pub(super) async fn claim(store: &Arc<dyn Store>, worker: WorkerId, limit: usize) -> Vec<SagaId> {
    store.claim(&Claim { worker, definitions: None, limit }).await.expect("the claim is answered")
}

/// A worker with a lease that outlives every test.
pub(super) async fn worker(store: &Arc<dyn Store>) -> WorkerId {
    let worker = WorkerId::new();
    store.heartbeat(&Beat::new(worker, crate::policy::hours(1))).await.expect("the heartbeat is taken");
    worker
}
