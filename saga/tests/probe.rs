//! The JSON of what a probe asks for.

use saga::policy::secs;
use saga::store::BoxFuture;
use saga::{
    Coordinator, Delivery, EventFilter, MemoryStore, OutgoingEvent, Publisher, StartOptions, StepError, saga,
    step,
};

#[saga(steps(nap))]
struct Napping;

/// A second and a half of the paused clock.
#[step(compensate = none)]
async fn nap(_saga: &Napping, _input: &()) -> Result<(), StepError> {
    tokio::time::sleep(secs(3) / 2).await;
    Ok(())
}

async fn napped() -> Coordinator {
    let coordinator = Coordinator::builder(MemoryStore::new()).saga(Napping).build().await.unwrap();
    coordinator.start::<Napping>(()).await.unwrap().outcome().await.unwrap();
    coordinator
}

#[tokio::test(start_paused = true)]
async fn health_has_the_keys_of_the_docs() {
    let health = serde_json::to_value(napped().await.health().await).unwrap();
    let age = health["last_heartbeat_age_seconds"].as_f64().unwrap();
    assert!((1.0..=2.0).contains(&age), "{age}");
    let expected = serde_json::json!({
        "is_healthy": true, "store_error": null, "last_heartbeat_age_seconds": age, "active": 0,
        "workers": 1, "stuck": 0, "counts": {"completed": 1}, "unknown": [], "oldest_active_age_seconds": null,
        "oldest_runnable_age_seconds": null, "publishers": [], "is_shutting_down": false,
    });
    assert_eq!(health, expected);
}

/// Puts everything off.
struct Closed;

impl Publisher for Closed {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(std::future::ready(vec![Delivery::later("closed"); batch.len()]))
    }
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_publishers_and_of_the_oldest_sagas() {
    let builder = Coordinator::builder(MemoryStore::new()).saga(Napping).max_concurrent_sagas(1);
    let coordinator = builder.publish("closed", Closed, EventFilter::all()).build().await.unwrap();
    let options = |delay| StartOptions::new().delay(secs(delay));
    coordinator.start_with::<Napping>((), options(2)).await.unwrap();
    coordinator.start_with::<Napping>((), options(2)).await.unwrap();
    tokio::time::sleep(secs(3)).await;
    let health = coordinator.health().await;
    assert!(health.is_healthy, "{health:?}");
    assert_eq!((health.workers, health.stuck, health.active), (1, 0, 1));
    assert_eq!(health.counts.values().sum::<u64>(), 2);
    let rounded = |age: Option<std::time::Duration>| age.unwrap().as_secs_f64().round();
    assert_eq!((rounded(health.oldest_active_age), rounded(health.oldest_runnable_age)), (3.0, 1.0));
    let [closed] = &health.publishers[..] else { panic!("{health:?}") };
    assert_eq!((closed.name.as_str(), closed.dead_letters), ("closed", 0));
    // Two sagas, one of them claimed.
    assert_eq!((closed.lag_events, rounded(closed.lag)), (3, 3.0));
    assert!(closed.holder.is_some());
    assert_eq!(closed.last_error.as_deref(), Some("closed"));
    let json = serde_json::to_value(&health).unwrap();
    let age = json["publishers"][0]["lag_seconds"].as_f64().unwrap();
    let expected = serde_json::json!([{
        "name": "closed", "holder": closed.holder, "lag_events": 3, "lag_seconds": age, "dead_letters": 0,
        "last_error": "closed",
    }]);
    assert_eq!(json["publishers"], expected);
}

#[tokio::test(start_paused = true)]
async fn metrics_have_the_keys_of_the_docs() {
    let metrics = serde_json::to_value(napped().await.metrics()).unwrap();
    let took = metrics["saga_duration_total_seconds"].as_f64().unwrap();
    assert!((1.4..=1.6).contains(&took), "{took}");
    let expected = serde_json::json!({
        "sagas_started": 1, "sagas_completed": 1, "sagas_compensated": 0, "sagas_cancelled": 0,
        "sagas_timed_out": 0, "sagas_failed": 0, "sagas_stuck": 0, "sagas_active": 0, "sagas_unknown": 0,
        "sagas_pending": 0, "sagas_running": 0, "sagas_compensating": 0, "start_waits": 0,
        "start_wait_total_seconds": 0.0, "start_timeouts": 0, "attempt_waits": 0,
        "attempt_wait_total_seconds": 0.0, "lease_losses": 0,
        "saga_duration_total_seconds": took, "claims": 0, "steps_completed": 1, "attempts_transient": 0,
        "attempts_permanent": 0, "attempts_business": 0, "attempts_in_doubt": 0, "retries": 0,
        "steps_compensated": 0, "undo_attempts_failed": 0, "appends": 2, "commits": 2,
    });
    assert_eq!(metrics, expected);
}
