//! Drives so many sagas of four steps on the memory store, one after the other, and nothing else: for `callgrind`. With the
//! feature `observed` the recorder of Prometheus is installed, and a task reads all events. `run` compares the two.

use saga::{Coordinator, MemoryStore};
use saga_bench::four_steps::{FourSteps, Parcel};

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000);
    #[cfg(feature = "observed")]
    metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the only recorder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let builder = Coordinator::builder(MemoryStore::new().keep_ended(0)).saga(FourSteps);
        let coordinator = builder.build().await.expect("the memory store answers");
        #[cfg(feature = "observed")]
        let seen = tokio::spawn({
            let mut events = coordinator.subscribe(saga::EventFilter::all());
            async move {
                let mut seen = 0;
                // Each saga is told of in six events.
                while seen < 6 * count
                    && let Some(event) = events.next().await
                {
                    seen += event.map_or(0, |_| 1);
                }
                seen
            }
        });
        for id in 0..count {
            let handle = coordinator.start::<FourSteps>(Parcel::new(id)).await.expect("a start");
            let outcome = handle.outcome().await.expect("an outcome");
            assert!(outcome.completed().is_some(), "four steps go well");
        }
        assert_eq!(coordinator.metrics().sagas_completed, count);
        #[cfg(feature = "observed")]
        assert_eq!(seen.await.expect("the reader"), 6 * count, "it keeps up");
    });
}
