//! The crash driver itself: it passes what is right, and tells what is not.

use saga::SagaState;
use saga::policy::{millis, secs};
use saga::testing::{CrashTest, Ledger, crash_at_every_write};
use saga_tests::BACKENDS;
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};

#[test]
fn a_saga_going_forward_survives_a_crash_at_every_write() {
    let report = crash_at_every_write(Trip::new, || 1);
    assert_eq!((report.writes, report.outcomes.len()), (4, 1), "{report}");
    assert!(report.outcomes[&SagaState::Completed] == report.runs && report.second_deaths > 20, "{report}");
}

#[test]
fn a_saga_going_backward_survives_a_crash_at_every_write() {
    for backend in BACKENDS {
        let refused = |world: &Ledger| Trip::new(world).with(TripStep::Pay, Mood::Refuses);
        let report = CrashTest::new(refused, || 1).stores(backend.fresh).group_commit().run();
        let report = report.unwrap_or_else(|failure| panic!("{}: {failure}", backend.name));
        assert_eq!(report.outcomes[&SagaState::Compensated], report.runs, "{report}");
    }
}

#[test]
fn a_cancelled_saga_survives_a_crash_at_every_write() {
    let slow = |world: &Ledger| Trip::new(world).with(TripStep::Hotel, Mood::Slow(secs(1)));
    let report = CrashTest::new(slow, || 1).cancel_after(millis(500)).flaky_runs(0).run();
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    // A death during `hotel` leaves it in doubt, and its undo needs the output that nobody has: `Failed` says so.
    let honest = [SagaState::Cancelled, SagaState::Failed];
    assert!(report.outcomes.keys().all(|state| honest.contains(state)), "{report}");
    assert!(report.outcomes[&SagaState::Cancelled] > 0, "{report}");
}

/// The world of this one is not the ledger's: what is done is done again after a crash, under another key.
#[test]
fn a_service_that_forgets_its_keys_is_found_out() {
    let forgetful = |_: &Ledger| Trip::new(&Ledger::new());
    let known = CrashTest::new(forgetful, || 1).run().unwrap();
    assert!(known.runs > 0, "a world that nothing is recorded in proves nothing, and breaks nothing");

    let lazy = |world: &Ledger| {
        let lives = world.entries().len();
        // It acts on another world once the first has something in it.
        if lives > 0 { Trip::new(&Ledger::new()) } else { Trip::new(world) }
    };
    let failure = CrashTest::new(lazy, || 1).run().unwrap_err();
    assert!(failure.to_string().contains("`pay` left no effect, and the saga completed"), "{failure}");
}
