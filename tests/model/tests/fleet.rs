//! The fleet keeps its promises in every world within the bounds; without any one of its rules it doesn't.

use std::io::Write as _;
use std::time::Instant;

use saga_model::{
    AT_MOST_ONCE, Bounds, EVERY_RUN_ENDS, Fleet, HONEST_END, JOURNAL_RULES, ONE_OWNER, RECORD_FIRST, Rules,
    SIGHTS,
};
use stateright::{Checker, HasDiscoveries, Model};

/// Two workers and one lost or late call, up to the third tick.
const LOSSY: Bounds = Bounds { workers: 2, ticks: 3, drifts: 0, crashes: 0, losses: 1, failures: 1 };

/// Goes through all worlds: each promise holds in all of them, and each sight is seen in some.
fn keeps_its_promises(name: &str, bounds: Bounds) {
    let begun = Instant::now();
    let checker = Fleet::new(bounds, Rules::ALL).checker().threads(2).spawn_bfs().join();
    // Also where the test passes: this is not captured.
    _ = writeln!(
        std::io::stderr(),
        "{name}: {} states and {} moves checked in {:.1} s, {bounds:?}",
        checker.unique_state_count(),
        checker.state_count(),
        begun.elapsed().as_secs_f32()
    );
    checker.assert_properties();
    assert!(checker.is_done(), "the checker gave up early");
}

/// Whether the checker finds a world in which this promise is broken, without the rules that `rules` leaves out.
fn is_broken_without(rule: &str, leave_out: impl Fn(&mut Rules), promise: &'static str) {
    let mut rules = Rules::ALL;
    leave_out(&mut rules);
    let finish = HasDiscoveries::AnyOf([promise].into());
    let checker = Fleet::new(LOSSY, rules).checker().finish_when(finish).spawn_bfs().join();
    let path = checker.discovery(promise);
    let moves = path.map(stateright::Path::into_actions);
    let states = checker.unique_state_count();
    let moves = moves.unwrap_or_else(|| panic!("without {rule} none of {states} states breaks: {promise}"));
    _ = writeln!(std::io::stderr(), "without {rule}: broken within {states} states, {promise}: {moves:?}");
}

#[test]
fn two_workers_keep_their_promises_whatever_answer_is_lost() {
    keeps_its_promises("lost answers", LOSSY);
}

#[test]
fn two_workers_keep_their_promises_on_clocks_that_drift() {
    keeps_its_promises("drifting clocks", Bounds { drifts: 1, ticks: 2, ..LOSSY });
}

#[test]
fn three_workers_keep_their_promises_whoever_dies() {
    keeps_its_promises("dying workers", Bounds { workers: 3, ticks: 2, crashes: 1, losses: 0, ..LOSSY });
}

#[test]
fn two_workers_keep_their_promises_however_often_steps_fail() {
    keeps_its_promises("failing steps", Bounds { failures: 3, ticks: 2, losses: 0, crashes: 1, ..LOSSY });
}

#[test]
fn without_the_fence_a_saga_has_two_owners() {
    is_broken_without("the fence", |rules| rules.fence = false, ONE_OWNER);
    is_broken_without("the fence", |rules| rules.fence = false, AT_MOST_ONCE);
}

#[test]
fn a_claim_that_leaves_no_record_does_not_move_the_fence() {
    is_broken_without("a record of the claim", |rules| rules.claim_is_recorded = false, ONE_OWNER);
}

#[test]
fn a_claimed_saga_may_be_anothers_by_the_time_its_journal_is_read() {
    is_broken_without("a look at the owner", |rules| rules.owner_is_checked = false, ONE_OWNER);
}

#[test]
fn a_number_that_is_taken_may_be_taken_by_another() {
    is_broken_without("reading back", |rules| rules.taken_is_read_back = false, RECORD_FIRST);
    is_broken_without("reading back", |rules| rules.taken_is_read_back = false, JOURNAL_RULES);
}

#[test]
fn an_append_without_an_answer_may_not_be_there() {
    is_broken_without("asking again", |rules| rules.unanswered_is_asked_again = false, RECORD_FIRST);
}

#[test]
fn what_begins_before_its_record_is_durable_may_run_twice() {
    is_broken_without("a record first", |rules| rules.record_comes_first = false, AT_MOST_ONCE);
    is_broken_without("a record first", |rules| rules.record_comes_first = false, HONEST_END);
}

#[test]
fn a_claim_whose_answer_was_lost_leaves_a_saga_that_nobody_drives() {
    is_broken_without("looking for it", |rules| rules.lost_claim_is_looked_for = false, EVERY_RUN_ENDS);
}

#[test]
fn every_promise_is_looked_at() {
    let promises = [ONE_OWNER, RECORD_FIRST, AT_MOST_ONCE, JOURNAL_RULES, HONEST_END, EVERY_RUN_ENDS];
    let names: Vec<&str> =
        Fleet::new(LOSSY, Rules::ALL).properties().iter().map(|property| property.name).collect();
    assert_eq!(names, [&promises[..], &SIGHTS[..]].concat());
}
