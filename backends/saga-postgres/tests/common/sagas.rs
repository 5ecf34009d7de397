//! Sagas as the tests write them.

use std::borrow::Cow;

use saga::machine::{By, Event, SagaStarted, SagaState};
use saga::store::{Append, HeadChange, JournalStore, Refusal};
use saga::{Labels, Payload, SagaId, StepError, Timestamp, WorkerId, saga, step};

/// What creates a saga that `owner` drives, or nobody.
pub(crate) fn create(saga: SagaId, owner: Option<WorkerId>) -> Append {
    let started = SagaStarted {
        definition: Cow::Borrowed("order"),
        version: 1,
        fingerprint: "00000000000000aa".parse().unwrap(),
        codec: Cow::Borrowed("json"),
        labels: Labels::new(),
        key: None,
        start_at: Timestamp::from_micros(0),
        deadline: None,
        owner,
        input: Payload::from(b"{}".as_slice()),
    };
    Append {
        saga,
        expected: 0,
        events: vec![Event::SagaStarted(Box::new(started))],
        head: Some(HeadChange { state: SagaState::Running, owner, wake_at: None }),
        answered: None,
    }
}

/// A step that is done, by whom is told by its number.
pub(crate) fn done(saga: SagaId, expected: u64, step: usize) -> Append {
    let output = Payload::from(vec![b'x'; 200]);
    let event = Event::StepCompleted { step, attempt: 1, by: By::Execution, output };
    Append { saga, expected, events: vec![event], head: None, answered: None }
}

/// The same, with a change of the head.
pub(crate) fn turn(saga: SagaId, expected: u64, step: usize, owner: WorkerId) -> Append {
    let head = HeadChange { state: SagaState::Compensating, owner: Some(owner), wake_at: None };
    Append { head: Some(head), ..done(saga, expected, step) }
}

/// The end of a saga.
pub(crate) fn end(saga: SagaId, expected: u64) -> Append {
    let event = Event::Ended { state: SagaState::Completed, not_undone: vec![] };
    let head = HeadChange { state: SagaState::Completed, owner: None, wake_at: None };
    Append { saga, expected, events: vec![event], head: Some(head), answered: None }
}

/// Appends what must be taken.
pub(crate) async fn take(store: &impl JournalStore, append: &Append) -> Timestamp {
    store.append_one(append).await.unwrap().unwrap()
}

pub(crate) async fn append(store: &impl JournalStore, append: &Append) -> Result<Timestamp, Refusal> {
    store.append_one(append).await.unwrap()
}

/// A saga of one step.
#[saga(steps(greet))]
pub(crate) struct Greeting;

#[step(compensate = none)]
#[expect(clippy::unused_async, reason = "a step is async")]
async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> {
    Ok(format!("hello {name}"))
}
