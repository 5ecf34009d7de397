//! A request stays known until it is answered.

use saga::machine::{Event, Request, SagaStarted, SagaState};
use saga::policy::{minutes, secs};
use saga::store::{Append, Beat, Claim, HeadChange, JournalStore as _};
use saga::testing::{Faults, FaultyStore, Harm, Moment};
use saga::{Coordinator, Labels, MemoryStore, Payload, Saga as _, SagaId, StartOptions, Timestamp, WorkerId};
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};
use saga_tests::watched_memory;
use tokio::time::timeout;

fn cancel() -> Request {
    Request::Cancel { reason: "no more".to_owned() }
}

/// A store with one saga of this owner, which has two requests.
async fn asked_twice(owner: Option<WorkerId>) -> (MemoryStore, SagaId, u64) {
    let (store, saga, definition) = (MemoryStore::new(), SagaId::new(), Trip::definition());
    let started = SagaStarted {
        definition: definition.name.clone(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at: Timestamp::from_micros(0),
        deadline: None,
        owner,
        input: Payload::from(b"1".as_slice()),
    };
    let head = Some(HeadChange { state: SagaState::Running, owner, wake_at: None });
    let events = vec![Event::SagaStarted(Box::new(started))];
    let create = Append { saga, expected: 0, events, head, answered: None };
    store.append_one(&create).await.unwrap().unwrap();
    let first = store.request(saga, &cancel()).await.unwrap().unwrap();
    store.request(saga, &Request::Retry).await.unwrap();
    (store, saga, first)
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_of_a_request_that_came_before_the_claim() {
    let worker = WorkerId::new();
    let (store, saga, _) = asked_twice(None).await;
    store.heartbeat(&Beat::new(worker, secs(15))).await.unwrap();
    let claimed = store.claim(&Claim { worker, definitions: None, limit: 1 }).await.unwrap();
    assert_eq!(claimed, [saga]);
    assert_eq!(store.heartbeat(&Beat::new(worker, secs(15))).await.unwrap().requested, [saga]);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_of_the_second_request_when_the_first_is_answered() {
    let worker = WorkerId::new();
    let (store, saga, first) = asked_twice(Some(worker)).await;
    let events = vec![Event::CancelRequested { reason: "no more".to_owned() }];
    let answer = Append { saga, expected: 1, events, head: None, answered: Some(first) };
    store.append_one(&answer).await.unwrap().unwrap();
    assert_eq!(store.heartbeat(&Beat::new(worker, secs(15))).await.unwrap().requested, [saga]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_could_not_be_read_is_read_before_the_next_step_begins() {
    let faults = Faults::none();
    let store = FaultyStore::new(std::sync::Arc::new(watched_memory()), faults.clone());
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(secs(1)));
    let coordinator = Coordinator::builder(store).saga(trip).build().await.unwrap();
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    faults.fail_next("read requests", Moment::Before, Harm::Unavailable);
    coordinator.cancel(handle.id(), "no more").await.unwrap();
    let outcome = timeout(secs(30), handle.outcome()).await.expect("the cancel is lost").unwrap();
    assert_eq!(outcome.state(), SagaState::Cancelled);
}

/// A cancel finds a delayed saga, and the store cannot say which request it was; the next heartbeat brings it again.
#[tokio::test(start_paused = true)]
async fn a_cancel_that_could_not_be_read_is_carried_out_later() {
    let faults = Faults::none();
    let store = FaultyStore::new(std::sync::Arc::new(watched_memory()), faults.clone());
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(minutes(4)));
    let coordinator = Coordinator::builder(store).saga(trip).build().await.unwrap();
    let delayed = StartOptions::new().delay(secs(10));
    let handle = coordinator.start_with::<Trip>(1, delayed).await.unwrap();
    faults.fail_next("read requests", Moment::Before, Harm::Unavailable);
    coordinator.cancel(handle.id(), "no more").await.unwrap();
    let outcome = timeout(secs(30), handle.outcome()).await.expect("the cancel is lost").unwrap();
    assert_eq!(outcome.state(), SagaState::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_while_the_last_is_carried_out_does_not_hinder_the_end() {
    let (faults, trip) = (Faults::none(), Trip::default().with(TripStep::Pay, Mood::Silent));
    let store = FaultyStore::new(std::sync::Arc::new(MemoryStore::new()), faults.clone());
    let coordinator = Coordinator::builder(store).saga(trip).build().await.unwrap();
    let parked = coordinator.start::<Trip>(1).await.unwrap();
    assert_eq!(parked.outcome().await.unwrap().state(), SagaState::Stuck);
    faults.hold("append");
    coordinator.abandon(parked.id(), "first").await.unwrap();
    // It is taken up, and given up; the second comes before that is recorded.
    tokio::time::sleep(secs(1)).await;
    coordinator.abandon(parked.id(), "second").await.unwrap();
    faults.let_go();
    let saga::Outcome::Failed(failed) = timeout(minutes(1), parked.outcome()).await.unwrap().unwrap() else {
        panic!("not given up")
    };
    let left: Vec<&str> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
    assert_eq!(left, ["hotel", "pay"]);
    saga_tests::lawful_journal::<Trip>(&coordinator, parked.id()).await;
}
