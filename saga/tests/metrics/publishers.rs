//! What publishers hand over, and how far behind they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saga::policy::secs;
use saga::store::BoxFuture;
use saga::{Coordinator, Delivery, EventFilter, EventType, MemoryStore, OutgoingEvent, Publisher};

use super::acting::Acting;
use super::heard::{Heard, hear};

/// Is closed at first, then takes everything but steps.
#[derive(Clone, Default)]
pub(crate) struct Broker {
    is_open: Arc<AtomicBool>,
}

impl Publisher for Broker {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        let answer = |event: &OutgoingEvent| match event.event_type {
            _ if !self.is_open.load(Ordering::Relaxed) => Delivery::later("closed"),
            EventType::StepCompleted => Delivery::refused("no steps"),
            _ => Delivery::Taken,
        };
        Box::pin(std::future::ready(batch.iter().map(answer).collect()))
    }
}

/// A saga is told of in four events. The broker opens after so many seconds, and the recorder is asked after a minute.
fn opened_after(seconds: u64) -> (Heard, Coordinator) {
    hear(async || {
        let broker = Broker::default();
        let builder = Coordinator::builder(MemoryStore::new()).saga(Acting);
        let coordinator = builder.publish("lines", broker.clone(), EventFilter::all()).build().await.unwrap();
        let saga = coordinator.start::<Acting>("works".to_owned()).await.unwrap();
        saga.outcome().await.unwrap();
        for second in 2..65 {
            if second == seconds {
                broker.is_open.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(secs(1)).await;
        }
        coordinator
    })
}

const LAG: [&str; 3] = [
    "saga_publisher_lag_events{publisher=lines}",
    "saga_publisher_lag_seconds{publisher=lines}",
    "saga_publisher_dead_letters{publisher=lines}",
];

#[test]
fn a_publisher_whose_broker_is_closed_falls_behind() {
    let (heard, coordinator) = opened_after(1_000);
    // The last look was after a minute.
    assert_eq!(LAG.map(|gauge| heard.of(gauge).round()), [4.0, 60.0, 0.0]);
    let deliveries = heard.above_zero("saga_publisher_deliveries_total");
    let put_off = coordinator.publishers()[0].put_off;
    assert!(put_off > 3, "{put_off}");
    let expected = f64::from(u32::try_from(put_off).unwrap());
    assert_eq!(deliveries, [("{outcome=put_off,publisher=lines}", expected)]);
}

#[test]
fn a_publisher_that_caught_up_has_no_lag_and_the_dead_letters_that_it_made() {
    let (heard, _coordinator) = opened_after(20);
    assert_eq!(LAG.map(|gauge| heard.of(gauge)), [0.0, 0.0, 2.0]);
    assert_eq!(heard.of("saga_publisher_deliveries_total{outcome=taken,publisher=lines}"), 2.0);
    assert_eq!(heard.of("saga_publisher_deliveries_total{outcome=refused,publisher=lines}"), 2.0);
}
