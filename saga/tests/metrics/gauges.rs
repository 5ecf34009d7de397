//! Gauges: what is looked up from time to time.

use std::sync::Arc;

use saga::policy::{minutes, secs};
use saga::{Coordinator, MemoryStore, Metrics, SagaState, StartOptions};

use super::acting::Acting;
use super::heard::{Heard, hear};

/// Two places for sagas; one has stuck, one goes back for 30 s, one goes forward until it is timed out after 50 s, one is
/// due after 12 s and finds no place, and one has a long time to wait. What the recorder heard after so many seconds.
fn after(seconds: u64) -> (Heard, (Metrics, Coordinator)) {
    hear(async || {
        let builder = Coordinator::builder(MemoryStore::new()).saga(Acting).max_concurrent_sagas(2);
        let coordinator = builder.saga_timeout(secs(50)).step_timeout(minutes(10)).build().await.unwrap();
        let start = async |what: &str| coordinator.start::<Acting>(what.to_owned()).await.unwrap();
        let delayed = async |seconds| {
            let options = StartOptions::new().delay(secs(seconds));
            coordinator.start_with::<Acting>("works".to_owned(), options).await.unwrap()
        };
        let sticks = start("sticks").await;
        start("dawdles").await;
        assert_eq!(sticks.outcome().await.unwrap().state(), SagaState::Stuck);
        start("goes back slowly").await;
        delayed(9).await;
        delayed(3_600).await;
        // Three seconds have passed.
        tokio::time::sleep(secs(seconds - 3)).await;
        (coordinator.metrics(), coordinator)
    })
}

fn seconds(heard: &Heard, name: &str) -> f64 {
    heard.of(&format!("{name}{{}}")).round()
}

#[test]
fn sagas_are_shown_by_state_here_and_in_the_store() {
    let (heard, (metrics, _coordinator)) = after(33);
    assert_eq!(
        heard.above_zero("saga_sagas_active"),
        [("{state=compensating}", 1.0), ("{state=running}", 1.0)]
    );
    let expected = [
        ("{state=compensating}", 1.0),
        ("{state=pending}", 2.0),
        ("{state=running}", 1.0),
        ("{state=stuck}", 1.0),
    ];
    assert_eq!(heard.above_zero("saga_store_sagas"), expected);
    assert_eq!((metrics.sagas_active, metrics.sagas_pending), (2, 0));
    assert_eq!((metrics.sagas_running, metrics.sagas_compensating), (1, 1));
}

#[test]
fn the_oldest_are_as_old_as_the_clock_says() {
    // The store was asked after 30 s: the oldest that goes on was recorded in the beginning, and one was due after 12 s.
    let (heard, _coordinator) = after(33);
    assert_eq!(seconds(&heard, "saga_store_oldest_active_age_seconds"), 30.0);
    assert_eq!(seconds(&heard, "saga_store_oldest_runnable_age_seconds"), 18.0);
}

#[test]
fn no_gauge_is_left_or_negative_once_all_has_ended() {
    let (heard, (metrics, _coordinator)) = after(95);
    assert_eq!(heard.above_zero("saga_sagas_active"), []);
    assert_eq!(heard.above_zero("saga_store_sagas"), [("{state=pending}", 1.0), ("{state=stuck}", 1.0)]);
    assert_eq!(seconds(&heard, "saga_store_oldest_runnable_age_seconds"), 0.0);
    // One waits for its time, and is the oldest now.
    assert_eq!(seconds(&heard, "saga_store_oldest_active_age_seconds"), 87.0);
    assert_eq!((metrics.sagas_active, metrics.sagas_running, metrics.sagas_compensating), (0, 0, 0));
    assert_eq!((metrics.sagas_started, metrics.sagas_ended(), metrics.sagas_stuck), (5, 3, 1));
    assert!(heard.is_nowhere_negative());
}

#[test]
fn a_coordinator_that_goes_takes_its_part_of_a_gauge_along() {
    let (heard, _other) = hear(async || {
        let coordinator = async || {
            let coordinator = Coordinator::builder(MemoryStore::new()).saga(Acting).build().await.unwrap();
            coordinator.start::<Acting>("dawdles".to_owned()).await.unwrap();
            coordinator
        };
        let (first, second) = (coordinator().await, coordinator().await);
        tokio::time::sleep(secs(15)).await;
        first.shutdown().await;
        second
    });
    assert_eq!(heard.above_zero("saga_sagas_active"), [("{state=running}", 1.0)]);
}

#[test]
fn sagas_that_no_live_worker_knows_are_counted() {
    let (heard, (metrics, _coordinator)) = hear(async || {
        let store = Arc::new(MemoryStore::new());
        let starter = Coordinator::builder_shared(store.clone()).saga(Acting).build().await.unwrap();
        for _ in 0..3 {
            let later = StartOptions::new().delay(minutes(2));
            starter.start_with::<Acting>("works".to_owned(), later).await.unwrap();
        }
        starter.shutdown().await;
        let coordinator = Coordinator::builder_shared(store).build().await.unwrap();
        tokio::time::sleep(secs(31)).await;
        (coordinator.metrics(), coordinator)
    });
    assert_eq!(heard.of("saga_sagas_unknown{}"), 3.0);
    assert_eq!(metrics.sagas_unknown, 3);
}
