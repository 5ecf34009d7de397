//! Waits for a place and for a worker.

use saga::policy::secs;
use saga::{Coordinator, MemoryStore, StartError};

use super::acting::Acting;
use super::heard::hear;

#[test]
fn a_start_that_finds_no_place_free_is_timed_and_so_is_one_that_gives_up() {
    let (heard, metrics) = hear(async || {
        let builder = Coordinator::builder(MemoryStore::new()).saga(Acting).max_concurrent_sagas(1);
        let coordinator = builder.acquire_timeout(secs(3)).build().await.unwrap();
        let start = async || coordinator.start::<Acting>("works".to_owned()).await;
        // Each takes two seconds.
        start().await.unwrap();
        start().await.unwrap();
        let saga = coordinator.start::<Acting>("dawdles".to_owned()).await.unwrap();
        assert!(matches!(start().await, Err(StartError::AcquireTimeout { .. })));
        coordinator.cancel(saga.id(), "enough").await.unwrap();
        coordinator.metrics()
    });
    let waits = "saga_start_wait_seconds{}";
    assert_eq!((heard.values_of(waits), heard.of(waits).round()), (3, 7.0));
    assert_eq!((heard.of("saga_start_timeouts_total{}"), metrics.start_timeouts), (1.0, 1));
    assert_eq!((metrics.start_waits, metrics.start_wait_total.as_millis() / 100), (3, 70));
    assert_eq!(metrics.start_wait_mean().as_millis(), metrics.start_wait_total.as_millis() / 3);
}

#[test]
fn an_attempt_that_finds_no_worker_free_is_timed() {
    let (heard, metrics) = hear(async || {
        let builder = Coordinator::builder(MemoryStore::new()).saga(Acting).worker_pool_size(1);
        let coordinator = builder.build().await.unwrap();
        let one = coordinator.start::<Acting>("works".to_owned()).await.unwrap();
        let other = coordinator.start::<Acting>("works".to_owned()).await.unwrap();
        one.outcome().await.unwrap();
        other.outcome().await.unwrap();
        coordinator.metrics()
    });
    // Four attempts of a second each; all but the first wait for the one before.
    let waits = "saga_attempt_wait_seconds{}";
    assert_eq!((heard.values_of(waits), heard.of(waits).round()), (3, 3.0));
    assert_eq!((metrics.attempt_waits, metrics.attempt_wait_mean().as_secs_f64().round()), (3, 1.0));
}

#[test]
fn who_finds_a_place_free_has_not_waited() {
    let (heard, metrics) = hear(async || {
        let coordinator = Coordinator::builder(MemoryStore::new()).saga(Acting).build().await.unwrap();
        let saga = coordinator.start::<Acting>("works".to_owned()).await.unwrap();
        saga.outcome().await.unwrap();
        coordinator.metrics()
    });
    assert_eq!(heard.values_of("saga_start_wait_seconds{}"), 0);
    assert_eq!(heard.values_of("saga_attempt_wait_seconds{}"), 0);
    assert_eq!((metrics.start_waits, metrics.attempt_waits, metrics.start_wait_mean()), (0, 0, secs(0)));
}
