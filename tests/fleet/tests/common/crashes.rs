//! A crash at every write, on a server: the same tests as on the stores of one process, by the real clock.

use std::sync::Mutex;

use saga::SagaState;
use saga::testing::{CrashTest, GeneratedSaga, Ledger};
use saga_fleet_tests::{FreshStores, Kind, Server};
use saga_tests::services::Mood;
use saga_tests::setting;
use saga_tests::trip::{Trip, TripStep};

/// They sleep most of the time: so many run at once.
const THREADS: usize = 8;

pub(crate) fn backward(kind: Kind) {
    let server = Server::start(kind);
    let stores = FreshStores::new(kind, server.url());
    let refused = |world: &Ledger| Trip::new(world).with(TripStep::Pay, Mood::Refuses);
    let test = CrashTest::new(refused, || 1).stores(|| stores.fresh()).group_commit().by_the_real_clock();
    let report = test.second_deaths(20).flaky_runs(3).run().unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
    assert_eq!(report.outcomes[&SagaState::Compensated], report.runs, "{report}");
}

/// `SAGA_FLEET_SEEDS=200` tests more of them, `SAGA_FIRST_SEED=17 SAGA_FLEET_SEEDS=1` just one.
pub(crate) fn generated(kind: Kind) {
    let server = Server::start(kind);
    let stores = FreshStores::new(kind, server.url());
    let (first, count) = (setting("SAGA_FIRST_SEED", 0), setting("SAGA_FLEET_SEEDS", 6));
    let (seeds, failures) = (Mutex::new(first..first + count), Mutex::new(Vec::new()));
    let runs = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.lock().unwrap().next() else { return };
                    let test = GeneratedSaga::from_seed(seed).crash_test().stores(|| stores.fresh());
                    match test.second_deaths(3).flaky_runs(1).by_the_real_clock().run() {
                        Ok(report) => *runs.lock().unwrap() += report.runs,
                        Err(failure) => failures.lock().unwrap().push((seed, failure)),
                    }
                }
            });
        }
    });
    println!("{count} generated sagas, {} runs", runs.into_inner().unwrap());
    if let Some((seed, failure)) = failures.into_inner().unwrap().first() {
        panic!("seed {seed}, after {:?}: {failure}", failure.faults);
    }
}
