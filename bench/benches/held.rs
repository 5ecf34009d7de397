//! The memory of sagas that run, and of those that wait in a store.

use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use saga::{Coordinator, StartOptions, StepError, saga, step};
use saga_bench::four_steps::Parcel;
use saga_postgres::PostgresStore;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::Semaphore;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SAGAS: usize = 10_000;

/// How many are in their step now.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Two steps, the first of which waits for the door.
#[saga(steps(enter -> leave))]
struct Waits {
    door: Semaphore,
}

#[step(compensate = none)]
async fn enter(waits: &Waits, parcel: &Parcel) -> Result<Parcel, StepError> {
    RUNNING.fetch_add(1, Ordering::Relaxed);
    _ = waits.door.acquire().await;
    Ok(parcel.next())
}

#[step(compensate = none)]
async fn leave(_waits: &Waits, parcel: &Parcel) -> Result<Parcel, StepError> {
    Ok(parcel.next())
}

fn main() {
    let url = std::env::var("SAGA_POSTGRES_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let schema = format!("bench_{}_held", std::process::id());
        let store = PostgresStore::builder(&url).schema(&schema).open().await.expect("PostgreSQL answers");
        let coordinator = Coordinator::builder(store)
            .saga(Waits { door: Semaphore::new(0) })
            .max_concurrent_sagas(2 * SAGAS)
            .worker_pool_size(2 * SAGAS)
            .build()
            .await
            .expect("an open store answers");
        // What is allocated once and for all: buffers of connections, tables of the coordinator.
        run(&coordinator, SAGAS / 10).await;
        wait(&coordinator, 5_000).await;

        println!("\nMemory of {SAGAS} sagas on PostgreSQL, with an input of 200 bytes");
        let region = Region::new(ALLOCATOR);
        wait(&coordinator, SAGAS).await;
        print("waiting in the store", &region);
        let region = Region::new(ALLOCATOR);
        run(&coordinator, SAGAS).await;
        print("running, each in a step that waits", &region);

        drop(coordinator);
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await.expect("a schema");
    });
}

/// Starts sagas that wait in the store for their time.
async fn wait(coordinator: &Coordinator, count: usize) {
    let options = || StartOptions::new().delay(Duration::from_hours(24));
    start(coordinator, count, options).await;
}

/// Starts sagas, and returns once each is in its step.
async fn run(coordinator: &Coordinator, count: usize) {
    let all = RUNNING.load(Ordering::Relaxed) + count;
    start(coordinator, count, StartOptions::new).await;
    while RUNNING.load(Ordering::Relaxed) < all {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn start(coordinator: &Coordinator, count: usize, options: fn() -> StartOptions) {
    const CALLERS: usize = 50;
    let mut callers = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        let coordinator = coordinator.clone();
        callers.push(tokio::spawn(async move {
            for _ in 0..count / CALLERS {
                // The handle is dropped: nobody waits for the outcome.
                let started = coordinator.start_with::<Waits>(Parcel::new(0), options()).await;
                started.expect("a start");
            }
        }));
    }
    for caller in callers {
        caller.await.expect("a caller");
    }
}

fn print(what: &str, region: &Region<'_, System>) {
    let change = region.change();
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    println!("  {what:<40} {:>6} bytes a saga ({kept} in all)", kept / SAGAS);
}
