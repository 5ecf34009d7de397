//! What no live worker knows is told, and not lost.

use std::sync::Arc;

use saga::machine::{Event, Record, Request, invariants};
use saga::policy::{minutes, secs};
use saga::store::{DefinitionKey, UnknownDefinition};
use saga::{Coordinator, OperateError, Outcome, Saga as _, SagaId, SagaState, StartOptions, Store, WorkerId};
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};
use saga_tests::watched_memory;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn health_and_metrics_tell_of_sagas_that_no_live_worker_knows() {
    let store: Arc<dyn Store> = Arc::new(watched_memory().shared());
    let starter =
        Coordinator::builder_shared(Arc::clone(&store)).saga(Trip::default()).build().await.unwrap();
    let trip = starter.start_with::<Trip>(1, StartOptions::new().delay(minutes(5))).await.unwrap();
    assert_eq!(starter.health().await.unknown, []);
    starter.shutdown().await;

    let other = Coordinator::builder_shared(Arc::clone(&store)).build().await.unwrap();
    let definition = DefinitionKey::of(Trip::definition());
    let health = other.health().await;
    assert_eq!(health.unknown, [UnknownDefinition { definition: definition.clone(), sagas: 1 }]);
    assert!(health.is_healthy);
    let json = serde_json::to_value(&health).unwrap();
    let fingerprint = definition.fingerprint.to_string();
    let told = serde_json::json!({ "name": "trip", "version": 1, "fingerprint": fingerprint, "sagas": 1 });
    assert_eq!(json["unknown"], serde_json::json!([told]));
    sleep(secs(31)).await;
    assert_eq!(other.metrics().sagas_unknown, 1);

    let knowing = Coordinator::builder_shared(store).saga(Trip::default()).build().await.unwrap();
    assert_eq!(other.health().await.unknown, []);
    sleep(secs(31)).await;
    assert_eq!(other.metrics().sagas_unknown, 0);
    other.shutdown().await;
    assert_eq!(knowing.handle::<Trip>(trip.id()).outcome().await.unwrap(), Outcome::Completed(4));
}

/// A trip that is parked, for nobody knows whether it was paid; its worker is gone.
async fn parked(store: &Arc<dyn Store>) -> SagaId {
    let trip = Trip::default().with(TripStep::Pay, Mood::Silent);
    let starter = Coordinator::builder_shared(Arc::clone(store)).saga(trip).build().await.unwrap();
    let parked = starter.start::<Trip>(1).await.unwrap();
    assert_eq!(parked.outcome().await.unwrap().state(), SagaState::Stuck);
    starter.shutdown().await;
    parked.id()
}

/// Who claimed it, and what its end tells.
fn told(journal: &[Record]) -> (Vec<WorkerId>, Vec<&str>) {
    let claimed = |record: &Record| match record.event {
        Event::Claimed { worker } => Some(worker),
        _ => None,
    };
    let Some(Record { event: Event::Ended { not_undone, .. }, .. }) = journal.last() else {
        panic!("it has not ended: {journal:#?}")
    };
    let left = not_undone.iter().map(|left| left.step.as_str()).collect();
    (journal.iter().filter_map(claimed).collect(), left)
}

#[tokio::test(start_paused = true)]
async fn a_parked_saga_that_nobody_knows_is_given_up_by_whoever_is_asked() {
    let store: Arc<dyn Store> = Arc::new(watched_memory().shared());
    let saga = parked(&store).await;
    let other = Coordinator::builder_shared(Arc::clone(&store)).build().await.unwrap();
    store.request(saga, &Request::Retry).await.unwrap();
    other.abandon(saga, "its code is gone").await.unwrap();
    let instance = store.instance(saga).await.unwrap().unwrap();
    assert_eq!((instance.state, instance.owner), (SagaState::Failed, None));
    let journal = store.load(saga).await.unwrap();
    assert_eq!(invariants(Trip::definition(), &journal), []);
    // By the names of the shape that its worker left.
    assert_eq!(told(&journal), (vec![other.worker()], vec!["hotel", "pay"]));
    assert!(matches!(other.abandon(saga, "again").await, Err(OperateError::NotStuck { .. })));
    assert_eq!(other.health().await.unknown, []);
}

#[tokio::test(start_paused = true)]
async fn a_parked_saga_that_a_live_worker_knows_is_given_up_by_that_one() {
    let store: Arc<dyn Store> = Arc::new(watched_memory().shared());
    let saga = parked(&store).await;
    let knowing =
        Coordinator::builder_shared(Arc::clone(&store)).saga(Trip::default()).build().await.unwrap();
    let other = Coordinator::builder_shared(Arc::clone(&store)).build().await.unwrap();
    other.abandon(saga, "nobody wants it").await.unwrap();
    sleep(secs(5)).await;
    let journal = store.load(saga).await.unwrap();
    assert_eq!(told(&journal), (vec![knowing.worker()], vec!["hotel", "pay"]));
}
