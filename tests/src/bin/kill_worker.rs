//! A process to be killed: `kill_worker <store> <world> <count>` starts so many shipments, each under a key of its own,
//! so that a process after it starts none again, and ends once all of them have ended or are parked.

use std::io::Write as _;
use std::path::PathBuf;

use saga::policy::millis;
use saga::{Coordinator, SagaId, StartOptions};
use saga_sqlite::SqliteStore;
use saga_tests::outside::Outside;
use saga_tests::shipment::{Course, Shipment};
use tokio::task::JoinSet;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work())
}

async fn work() -> Result<(), BoxError> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || arguments.next().ok_or("kill_worker <store> <world> <count>");
    let (store, path): (PathBuf, PathBuf) = (next()?.into(), next()?.into());
    let count: usize = next()?.to_string_lossy().parse()?;
    let caller = SagaId::new().to_string();
    let shipment = Shipment { outside: Outside::open(&path, caller.as_str())?, moment: millis(3) };
    let builder = Coordinator::builder(SqliteStore::open(store).await?).saga(shipment);
    let mut coordinator = builder.max_concurrent_sagas(64).acquire_timeout(saga::policy::minutes(5));
    // As long as it works, it makes progress: how often it is killed says nothing about its sagas.
    coordinator = coordinator.fruitless_claims_max(1_000);
    let coordinator = coordinator.build().await?;
    // The test's clock of a life begins here.
    println!("ready {} {caller}", coordinator.worker());
    std::io::stdout().flush()?;
    let mut starters = JoinSet::new();
    for first in 0..STARTERS {
        let coordinator = coordinator.clone();
        starters.spawn(async move {
            for number in (first..count).step_by(STARTERS) {
                let options = StartOptions::new().key(number.to_string());
                let handle = coordinator.start_with::<Shipment>(Course::of(number), options).await?;
                handle.outcome().await?;
            }
            Ok::<_, BoxError>(())
        });
    }
    for ended in starters.join_all().await {
        ended?;
    }
    coordinator.shutdown().await;
    Ok(())
}

/// So many shipments are started at the same time.
const STARTERS: usize = 32;
