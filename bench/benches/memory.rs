//! Sagas in memory: without a store, through a coordinator, and steno beside them.

use std::hint::black_box;
use std::sync::Arc;

use saga::{Coordinator, MemoryStore, Outcome};
use saga_bench::four_steps::{FailingFourth, FourSteps, Parcel};
use saga_bench::measure::{Contender, bar, compete, print};
use tokio::runtime::{Builder, Runtime};

mod peer;

const CALLERS: u32 = 64;

fn main() {
    let one = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");

    let alone = coordinator(&one);
    let shared = coordinator(&two);
    let peer = peer::Peer::new(&one);
    let figures = compete(
        9,
        vec![
            Contender::new("saga::run", 100_000, |units| one.block_on(run_in_memory(units))),
            Contender::new("saga::run, three of four undone", 50_000, |units| {
                one.block_on(run_failing(units));
            }),
            Contender::new("coordinator, one task", 50_000, |units| one.block_on(drive(&alone, units))),
            Contender::new("coordinator, one task, three of four undone", 20_000, |units| {
                one.block_on(drive_failing(&alone, units));
            }),
            Contender::new("coordinator, 64 callers on two cores", 100_032, |units| {
                two.block_on(drive_beside(&shared, units));
            }),
            Contender::new("steno, one task", 2_000, |units| one.block_on(peer.drive(units))),
        ],
    );
    print("Four steps that return 200 bytes, in memory: the time of one saga", &figures);

    let [run, _, task, failing, callers, steno] = &figures[..] else { return };
    println!();
    let run_nanos = run.median.as_secs_f64() * 1e9;
    bar("saga::run, at most 0.5 µs", run_nanos <= 500.0, &format!("{run_nanos:.0} ns"));
    let rate = task.per_second();
    bar("coordinator on one task, at least 300,000 a second", rate >= 3e5, &format!("{rate:.0}"));
    let gain = callers.per_second() / rate;
    bar("64 callers on two cores, at least 1.5 times that", gain >= 1.5, &format!("{gain:.2} times"));
    let loss = failing.median.as_secs_f64() / task.median.as_secs_f64();
    bar("three undone, at most 2.5 times the cost of success", loss <= 2.5, &format!("{loss:.2} times"));
    println!("         beside steno: {:.1} times its sagas a second", rate / steno.per_second());
}

fn coordinator(runtime: &Runtime) -> Arc<Coordinator> {
    let builder = Coordinator::builder(MemoryStore::new().keep_ended(0)).saga(FourSteps).saga(FailingFourth);
    Arc::new(runtime.block_on(builder.build()).expect("the memory store answers"))
}

async fn run_in_memory(units: u32) {
    for unit in 0..units {
        let outcome = saga::run(&FourSteps, Parcel::new(unit.into())).await;
        assert!(matches!(black_box(outcome), Outcome::Completed(_)));
    }
}

async fn run_failing(units: u32) {
    for unit in 0..units {
        let outcome = saga::run(&FailingFourth, Parcel::new(unit.into())).await;
        assert!(matches!(black_box(outcome), Outcome::Compensated(_)));
    }
}

async fn drive(coordinator: &Coordinator, units: u32) {
    for unit in 0..units {
        let handle = coordinator.start::<FourSteps>(Parcel::new(unit.into())).await.expect("a start");
        let outcome = handle.outcome().await.expect("an outcome");
        assert!(matches!(black_box(outcome), Outcome::Completed(_)));
    }
}

async fn drive_failing(coordinator: &Coordinator, units: u32) {
    for unit in 0..units {
        let handle = coordinator.start::<FailingFourth>(Parcel::new(unit.into())).await.expect("a start");
        let outcome = handle.outcome().await.expect("an outcome");
        assert!(matches!(black_box(outcome), Outcome::Compensated(_)));
    }
}

async fn drive_beside(coordinator: &Arc<Coordinator>, units: u32) {
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let coordinator = Arc::clone(coordinator);
            tokio::spawn(async move { drive(&coordinator, units / CALLERS).await })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
}
