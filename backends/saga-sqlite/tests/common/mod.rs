//! Files and sagas for tests.

// Each test binary uses some of it.
#![allow(dead_code)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saga::machine::{By, Event, SagaStarted, SagaState, Then};
use saga::store::{Append, BoxFuture, HeadChange, JournalStore, Store};
use saga::testing::StorePlace;
use saga::{Payload, SagaId, StepError, StepFailure, Timestamp};
use saga_sqlite::SqliteStore;

/// A directory of a test's own, deleted with it.
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(saga::SagaId::new().to_string());
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// The file of its store.
    pub(crate) fn file(&self) -> PathBuf {
        self.path.join("sagas.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.path);
    }
}

impl StorePlace for Directory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(SqliteStore::open(self.file()).await.unwrap()) as Arc<dyn Store> })
    }
}

/// A saga to be created, that nobody owns.
pub(crate) fn new_saga() -> Append {
    let started = SagaStarted {
        definition: Cow::Borrowed("order"),
        version: 1,
        fingerprint: "fedcba9876543210".parse().unwrap(),
        codec: Cow::Borrowed("json"),
        labels: saga::Labels::new(),
        key: None,
        start_at: Timestamp::from_micros(0),
        deadline: None,
        owner: None,
        input: Payload::from(b"{}".as_slice()),
    };
    Append {
        saga: SagaId::new(),
        expected: 0,
        events: vec![Event::SagaStarted(Box::new(started))],
        head: Some(HeadChange { state: SagaState::Pending, owner: None, wake_at: None }),
        answered: None,
    }
}

/// A step of a saga that is done, with an output of a kilobyte.
pub(crate) fn step(saga: SagaId, expected: u64) -> Append {
    let output = Payload::from(vec![b'x'; 1_000]);
    let event = Event::StepCompleted { step: 0, attempt: 1, by: By::Execution, output };
    Append { saga, expected, events: vec![event], head: None, answered: None }
}

/// A step of a saga that failed.
pub(crate) fn failed(saga: SagaId, expected: u64, message: &'static str) -> Append {
    let failure = Box::new(StepFailure::new("charge", &StepError::permanent(message), 1));
    let event = Event::StepFailed { step: 1, attempt: 1, failure, then: Then::GiveUp };
    Append { events: vec![event], ..step(saga, expected) }
}

/// Appends what must be taken.
pub(crate) async fn take(store: &SqliteStore, append: &Append) {
    store.append_one(append).await.expect("the store answers").expect("the append is taken");
}
