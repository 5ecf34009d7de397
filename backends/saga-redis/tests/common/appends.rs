//! What tests write.

use std::borrow::Cow;

use saga::machine::{By, Event, SagaStarted, SagaState};
use saga::store::{Append, Claim, HeadChange, JournalStore};
use saga::{Payload, SagaId, Timestamp, WorkerId};
use saga_redis::RedisStore;

pub(crate) fn create(saga: SagaId, key: Option<&str>, owner: Option<WorkerId>) -> Append {
    let started = SagaStarted {
        definition: Cow::Borrowed("order"),
        version: 1,
        fingerprint: "0".parse().unwrap(),
        codec: Cow::Borrowed("json"),
        labels: [("customer".to_owned(), "c-17".to_owned())].into_iter().collect(),
        key: key.map(str::to_owned),
        start_at: Timestamp::from_micros(0),
        deadline: None,
        owner,
        input: Payload::EMPTY,
    };
    let state = if owner.is_some() { SagaState::Running } else { SagaState::Pending };
    Append {
        saga,
        expected: 0,
        events: vec![Event::SagaStarted(Box::new(started))],
        head: Some(HeadChange { state, owner, wake_at: None }),
        answered: None,
    }
}

pub(crate) fn step(saga: SagaId, expected: u64, output: &str) -> Append {
    let output = Payload::from(output.as_bytes());
    let events = vec![Event::StepCompleted { step: 0, attempt: 1, by: By::Execution, output }];
    Append { saga, expected, events, head: None, answered: None }
}

pub(crate) fn end(saga: SagaId, expected: u64) -> Append {
    let head = Some(HeadChange { state: SagaState::Completed, owner: None, wake_at: None });
    let events = vec![Event::Ended { state: SagaState::Completed, not_undone: Vec::new() }];
    Append { saga, expected, events, head, answered: None }
}

pub(crate) async fn take(store: &RedisStore, append: &Append) {
    store.append_one(append).await.unwrap().unwrap();
}

pub(crate) fn claim(worker: WorkerId) -> Claim {
    Claim { worker, definitions: None, limit: 10 }
}
