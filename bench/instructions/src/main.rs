//! Drives so many sagas of four steps on the memory store, one after the other: for `callgrind`, which counts what happens
//! inside of `counted`. With the feature `observed` the recorder of Prometheus is installed, and a task reads all events.
//! `run` compares the two.

use saga::{Coordinator, MemoryStore};
use saga_bench::four_steps::{FourSteps, Parcel};
use tokio::runtime::{Builder, Runtime};

/// What is done once, such as the calibration of the recorder's clock, is done with these.
const WARM_UP: u64 = 200;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000);
    #[cfg(feature = "observed")]
    metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the only recorder");
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let coordinator = runtime.block_on(async {
        let builder = Coordinator::builder(MemoryStore::new().keep_ended(0)).saga(FourSteps);
        builder.build().await.expect("the memory store answers")
    });
    #[cfg(feature = "observed")]
    let seen = runtime.spawn({
        let mut events = coordinator.subscribe(saga::EventFilter::all());
        async move {
            let mut seen = 0;
            // Each saga is told of in six events.
            while seen < 6 * (WARM_UP + count)
                && let Some(event) = events.next().await
            {
                seen += event.map_or(0, |_| 1);
            }
            seen
        }
    });
    drive(&runtime, &coordinator, WARM_UP);
    counted(&runtime, &coordinator, count);
    #[cfg(feature = "observed")]
    assert_eq!(runtime.block_on(seen).expect("the reader"), 6 * (WARM_UP + count), "it keeps up");
    assert_eq!(coordinator.metrics().sagas_completed, WARM_UP + count);
}

#[inline(never)]
fn counted(runtime: &Runtime, coordinator: &Coordinator, count: u64) {
    drive(runtime, coordinator, count);
}

fn drive(runtime: &Runtime, coordinator: &Coordinator, count: u64) {
    runtime.block_on(async {
        for id in 0..count {
            let handle = coordinator.start::<FourSteps>(Parcel::new(id)).await.expect("a start");
            let outcome = handle.outcome().await.expect("an outcome");
            assert!(outcome.completed().is_some(), "four steps go well");
        }
    });
}
