//! Runs one kind of saga so many times and nothing else, for profilers and counters of instructions:
//! `valgrind --tool=callgrind target/release/examples/one run 10000`.

use saga::{Coordinator, MemoryStore};
use saga_bench::four_steps::{FailingFourth, FourSteps, Parcel};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "run".to_owned());
    let count: u64 = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let builder =
            Coordinator::builder(MemoryStore::new().keep_ended(0)).saga(FourSteps).saga(FailingFourth);
        let coordinator = builder.build().await.expect("the memory store answers");
        for id in 0..count {
            let parcel = Parcel::new(id);
            match what.as_str() {
                "run" => _ = saga::run(&FourSteps, parcel).await,
                "run-failing" => _ = saga::run(&FailingFourth, parcel).await,
                "drive" => {
                    let handle = coordinator.start::<FourSteps>(parcel).await.expect("a start");
                    handle.outcome().await.expect("an outcome");
                }
                "drive-failing" => {
                    let handle = coordinator.start::<FailingFourth>(parcel).await.expect("a start");
                    handle.outcome().await.expect("an outcome");
                }
                other => panic!("`{other}` is none of run, run-failing, drive, drive-failing"),
            }
        }
    });
}
