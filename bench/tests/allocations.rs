//! Allocations don't jitter: what a saga may take is a test.

use std::alloc::System;

use saga::{Coordinator, MemoryStore};
use saga_bench::four_steps::{FailingFourth, FourSteps, Parcel};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SAGAS: usize = 1_000;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_saga_allocates_little_and_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = MemoryStore::new().keep_ended(0);
        let builder = Coordinator::builder(store).saga(FourSteps).saga(FailingFourth);
        let coordinator = builder.build().await.unwrap();
        // What is allocated once and for all.
        for id in 0..5_000 {
            saga::run(&FourSteps, Parcel::new(id)).await;
            coordinator.start::<FourSteps>(Parcel::new(id)).await.unwrap().outcome().await.unwrap();
        }

        let region = Region::new(ALLOCATOR);
        for id in 0..SAGAS {
            saga::run(&FourSteps, Parcel::new(id as u64)).await;
        }
        let alone = region.change();
        assert!(alone.allocations <= 6 * SAGAS, "saga::run: {} a saga", per_saga(alone.allocations));
        assert_eq!(alone.bytes_allocated, alone.bytes_deallocated, "nothing is kept");

        let region = Region::new(ALLOCATOR);
        for id in 0..SAGAS {
            coordinator.start::<FourSteps>(Parcel::new(id as u64)).await.unwrap().outcome().await.unwrap();
        }
        let driven = region.change();
        println!("saga::run {}, coordinator {}", per_saga(alone.allocations), per_saga(driven.allocations));
        assert!(driven.allocations <= 30 * SAGAS, "coordinator: {} a saga", per_saga(driven.allocations));
        assert_eq!(driven.bytes_allocated, driven.bytes_deallocated, "nothing is kept of an ended saga");
    });
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn per_saga(allocations: usize) -> f64 {
    allocations as f64 / SAGAS as f64
}
