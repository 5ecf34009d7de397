//! The JSON of what a probe asks for.

use saga::policy::secs;
use saga::{Coordinator, MemoryStore, StepError, saga, step};

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
        "counts": {"completed": 1}, "unknown": [], "is_shutting_down": false,
    });
    assert_eq!(health, expected);
}

#[tokio::test(start_paused = true)]
async fn metrics_have_the_keys_of_the_docs() {
    let metrics = serde_json::to_value(napped().await.metrics()).unwrap();
    let took = metrics["saga_duration_total_seconds"].as_f64().unwrap();
    assert!((1.4..=1.6).contains(&took), "{took}");
    let expected = serde_json::json!({
        "sagas_started": 1, "sagas_completed": 1, "sagas_compensated": 0, "sagas_cancelled": 0,
        "sagas_timed_out": 0, "sagas_failed": 0, "sagas_stuck": 0, "sagas_active": 0, "sagas_unknown": 0,
        "saga_duration_total_seconds": took, "claims": 0, "steps_completed": 1, "attempts_transient": 0,
        "attempts_permanent": 0, "attempts_business": 0, "attempts_in_doubt": 0, "retries": 0,
        "steps_compensated": 0, "undo_attempts_failed": 0, "appends": 2, "commits": 2,
    });
    assert_eq!(metrics, expected);
}
