//! Sagas by the dice crash at every write, forward and backward.
//!
//! `SAGA_SEEDS=5000` tests more of them, `SAGA_FIRST_SEED=17 SAGA_SEEDS=1` just one.

use std::sync::Mutex;

use saga::testing::GeneratedSaga;
use saga_tests::{BACKENDS, setting};

fn next(seeds: &Mutex<impl Iterator<Item = u64>>) -> Option<u64> {
    seeds.lock().unwrap().next()
}

#[test]
fn generated_sagas_survive_a_crash_at_every_write() {
    let (first, count) = (setting("SAGA_FIRST_SEED", 0), setting("SAGA_SEEDS", 200));
    for backend in BACKENDS {
        let seeds = (first..first + count).step_by(usize::try_from(backend.every).unwrap());
        let (seeds, failures) = (Mutex::new(seeds), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
                scope.spawn(|| {
                    while let Some(seed) = next(&seeds) {
                        let test = GeneratedSaga::from_seed(seed).crash_test().stores(backend.fresh);
                        let run = test.second_deaths(20).flaky_runs(3).run();
                        failures.lock().unwrap().extend(run.err().map(|failure| (seed, failure)));
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap();
        for (seed, failure) in &failures {
            println!("seed {seed}, after {:?}: {}", failure.faults, failure.violations[0]);
        }
        if let Some((seed, failure)) = failures.first() {
            panic!("{} seeds fail on {}; seed {seed}, {failure}", failures.len(), backend.name);
        }
    }
}
