//! What no live worker knows is told, and not lost.

use std::sync::Arc;

use saga::policy::{minutes, secs};
use saga::store::{DefinitionKey, UnknownDefinition};
use saga::{Coordinator, Outcome, Saga as _, StartOptions, Store};
use saga_tests::trip::Trip;
use saga_tests::watched_memory;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn health_and_metrics_tell_of_sagas_that_no_live_worker_knows() {
    let store: Arc<dyn Store> = Arc::new(watched_memory());
    let starter = Coordinator::builder_shared(Arc::clone(&store)).saga(Trip::default()).build().await.unwrap();
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
