//! The tests of a fleet, on any store.

mod crashes;
mod crew;
mod faults;
mod takeover;
mod together;

use std::panic::resume_unwind;
use std::time::Duration;

use saga_fleet_tests::Kind;
use saga_test_services::Test;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// All of them.
pub(crate) fn all(kind: Kind) -> Vec<Test> {
    macro_rules! tests {
        ($($module:ident :: $test:ident),+ $(,)?) => {
            vec![$(Test::new(stringify!($test), move |_| on_a_thread(move || $module::$test(kind)))),+]
        };
    }
    let mut tests = tests![
        takeover::a_killed_worker_loses_its_sagas_to_all_others_within_its_lease_and_a_poll,
        takeover::a_worker_woken_past_its_lease_is_refused_and_stops_driving,
        takeover::a_shutdown_hands_over_at_once,
        takeover::what_waits_in_the_store_is_taken_up_by_whoever_is_free,
        takeover::bad_sagas_are_parked_and_stop_nobody,
        together::a_saga_is_operated_from_any_process,
    ];
    let backward = "a_saga_going_backward_survives_a_crash_at_every_write";
    tests.push(Test::new(backward, move |_| apart(move || crashes::backward(kind))));
    let generated = "generated_sagas_survive_a_crash_at_every_write";
    let test = Test::new(generated, move |_| apart(move || crashes::generated(kind)));
    tests.push(test.within(Duration::from_mins(10)));
    let fleet = Test::new("three_workers_withstand_all_faults", move |_| faults::withstand_all(kind));
    tests.push(fleet.within(Duration::from_mins(10)));
    tests
}

/// A test whose future stays on one thread: closures that borrow and wait are not known to be `Send`.
async fn on_a_thread<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    apart(move || Handle::current().block_on(test())).await;
}

/// A test that makes runtimes of its own.
async fn apart(test: impl FnOnce() + Send + 'static) {
    if let Err(error) = spawn_blocking(test).await {
        resume_unwind(error.into_panic());
    }
}
