//! A saga that is driven over a file, and the crash of its process.

mod common;

use std::sync::{Arc, Mutex};

use common::Directory;
use saga::{Coordinator, Outcome, SagaId, StepContext, StepError, saga, step};
use saga_sqlite::SqliteStore;
use tokio::sync::Notify;

/// Three steps that write down what they do; the second may hang.
#[saga(steps(first -> second -> third))]
struct Writing {
    done: Arc<Mutex<Vec<String>>>,
    hangs: bool,
    hanging: Arc<Notify>,
}

fn add_one(cx: &StepContext<Writing>, number: u64) -> u64 {
    cx.done.lock().unwrap().push(cx.step().to_owned());
    number + 1
}

#[step(compensate = none)]
async fn first(cx: &StepContext<Writing>, number: &u64) -> Result<u64, StepError> {
    Ok(add_one(cx, *number))
}

#[step(compensate = none)]
async fn second(cx: &StepContext<Writing>, number: &u64) -> Result<u64, StepError> {
    let number = add_one(cx, *number);
    if cx.hangs {
        cx.hanging.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(number)
}

#[step(compensate = none)]
async fn third(cx: &StepContext<Writing>, number: &u64) -> Result<u64, StepError> {
    Ok(add_one(cx, *number))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn coordinator(
    directory: &Directory,
    hangs: bool,
) -> (Coordinator, Arc<Mutex<Vec<String>>>, Arc<Notify>) {
    let (done, hanging) = (Arc::default(), Arc::default());
    let saga = Writing { done: Arc::clone(&done), hangs, hanging: Arc::clone(&hanging) };
    let store = SqliteStore::open(directory.file()).await.unwrap();
    (Coordinator::builder(store).saga(saga).build().await.unwrap(), done, hanging)
}

#[test]
fn a_saga_survives_a_crash_and_goes_on_where_it_stood() {
    let directory = Directory::new();
    let process = runtime();
    let id: SagaId = process.block_on(async {
        let (coordinator, _, hanging) = coordinator(&directory, true).await;
        let id = coordinator.start::<Writing>(1).await.unwrap().id();
        hanging.notified().await;
        id
    });
    // Nothing is handed over: the coordinator, its tasks and its store are gone from one moment to the next.
    drop(process);

    runtime().block_on(async {
        let (coordinator, done, _) = coordinator(&directory, false).await;
        let outcome = coordinator.handle::<Writing>(id).outcome().await.unwrap();
        assert_eq!(outcome, Outcome::Completed(4));
        assert_eq!(*done.lock().unwrap(), ["second", "third"], "what was recorded is not run again");
        assert_eq!(coordinator.metrics().claims, 1);
    });
}

/// The clock stands still while something is written: a timeout of a test fires for what the saga does, and never for
/// what the disk does.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_run_ahead_of_the_disk() {
    let directory = Directory::new();
    let (coordinator, _, _) = coordinator(&directory, false).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..20 {
        let started = coordinator.start::<Writing>(1).await.unwrap();
        assert_eq!(started.outcome().await.unwrap(), Outcome::Completed(4));
    }
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
}
