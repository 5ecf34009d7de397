//! Journals that break one rule each, and the checker that finds exactly that one.

use saga::FailureKind::{Business, InDoubt, Transient};
use saga::machine::{
    By, Event, Record, SagaState, StuckReason, invariant_rules, invariants, invariants_of_journal,
    invariants_with,
};
use saga::policy::{Defaults, OnUndoFailure, no_retry};
use saga::{Cause, Definition};

use crate::events::*;
use crate::sagas::{of, of_stubborn};

fn names(definition: &Definition, journal: &[Record]) -> Vec<&'static str> {
    invariants(definition, journal).into_iter().map(|violation| violation.rule).collect()
}

fn after_begun(definition: &Definition, events: Vec<Event>) -> Vec<Record> {
    journal([vec![begun(definition)], events].concat())
}

type Row = (&'static str, Definition, Vec<Event>);

fn two() -> Definition {
    of(&[&["a"], &["b"]])
}

fn asked() -> Definition {
    of(&[&["a"], &["b?"]])
}

fn once() -> Definition {
    of(&[&["a1"], &["b"]])
}

fn pivot() -> Definition {
    of(&[&["a"], &["b!"], &["c>"]])
}

/// What happens to `two` once its second step was refused.
fn gone_back(more: Vec<Event>) -> Vec<Event> {
    [vec![done(0), refused(1), back(by_failure(1, Business), &[0])], more].concat()
}

fn crash_loop(claims: u32) -> Event {
    stuck(StuckReason::CrashLoop { claims })
}

/// The rule that is broken, a definition, and what follows `saga_started` there; the last event breaks the rule.
fn rows() -> Vec<Row> {
    [who_may_write(), going_forward(), turning_back(), going_back(), the_end()].concat()
}

fn who_may_write() -> Vec<Row> {
    vec![
        ("known_steps", two(), vec![done(2)]),
        ("known_steps", two(), vec![late(&[2])]),
        ("known_steps", two(), vec![cancelled(), back(by_cancel(), &[2])]),
        ("end_is_last", two(), vec![done(0), done(1), ended(SagaState::Completed), claimed()]),
        ("owned", two(), vec![released(), done(0)]),
        ("owned", two(), vec![parked(), Event::Resumed]),
        ("released_at_rest", once(), vec![tried(0), released()]),
        ("stuck_rests", two(), vec![parked(), claimed(), done(0)]),
        ("operator_when_stuck", two(), vec![Event::Resumed]),
        ("operator_when_stuck", two(), vec![abandoned()]),
        ("operator_when_stuck", two(), vec![supplied(0)]),
        ("given_up", two(), vec![parked(), claimed(), abandoned(), done(0)]),
        ("stuck_reason", two(), vec![stuck_undo(0)]),
        ("stuck_reason", two(), vec![stuck_step(0, Transient)]),
        ("stuck_reason", pivot(), vec![stuck_pivot("b")]),
        ("stuck_reason", two(), vec![claimed(), crash_loop(2)]),
    ]
}

fn going_forward() -> Vec<Row> {
    vec![
        ("flow_order", two(), vec![done(1)]),
        ("flow_order", two(), vec![failed(1, 1, Transient, GIVE_UP)]),
        ("done_once", two(), vec![done(0), done(0)]),
        ("done_once", two(), vec![done(0), failed(0, 1, Transient, GIVE_UP)]),
        ("attempt_numbers", two(), vec![done_in(0, 2, By::Execution)]),
        ("attempt_numbers", of_stubborn(&[&["a"]]), vec![failed(0, 1, Transient, RETRY), done(0)]),
        ("attempt_numbers", asked(), vec![done(0), doubted(1), unfound(1, 2, GIVE_UP)]),
        ("attempt_numbers", two(), gone_back(vec![undo_failed(0, 2, GIVE_UP)])),
        ("refusals_stand", of_stubborn(&[&["a"]]), vec![failed(0, 1, Business, RETRY)]),
        ("within_policy", two(), vec![failed(0, 1, Transient, RETRY)]),
        ("within_policy", asked(), vec![done(0), doubted(1), unfound(1, 1, RETRY)]),
        ("within_policy", two(), gone_back(vec![undo_failed(0, 1, RETRY)])),
        ("given_up_stays", two(), vec![refused(0), done_in(0, 2, By::Execution)]),
        (
            "given_up_stays",
            of(&[&["a?"]]),
            vec![doubted(0), unfound(0, 1, GIVE_UP), Event::StepAbsent { step: 0 }],
        ),
        ("recorded_starts", once(), vec![done(0)]),
        ("recorded_starts", once(), vec![tried(0), tried(0)]),
        ("at_most_once", once(), vec![tried(0), claimed(), done(0)]),
        ("asked_in_doubt", asked(), vec![done(0), found(1)]),
        ("asked_in_doubt", two(), vec![done(0), doubted(1), Event::StepAbsent { step: 1 }]),
        ("supply_fits", two(), vec![parked(), claimed(), supplied(1)]),
    ]
}

fn turning_back() -> Vec<Row> {
    vec![
        ("one_turn", two(), vec![cancelled(), cancelled()]),
        ("one_turn", two(), vec![done(0), refused(1), late(&[])]),
        ("no_step_begins", once(), vec![cancelled(), tried(0)]),
        ("dropped_open", two(), vec![done(0), late(&[0])]),
        ("no_way_forward", two(), vec![cancelled(), back(by_cancel(), &[]), done(0)]),
        ("no_way_forward", two(), gone_back(vec![cancelled()])),
        ("true_cause", two(), vec![done(0), cancelled(), back(by_failure(1, Business), &[0])]),
        ("true_cause", two(), vec![done(0), back(Cause::TimedOut, &[0])]),
        ("point_of_no_return", pivot(), vec![done(0), done(1), cancelled()]),
        ("point_of_no_return", pivot(), vec![done(0), done(1), late(&[])]),
        ("point_of_no_return", pivot(), vec![done(0), done(1), undone(0)]),
        (
            "point_of_no_return",
            pivot(),
            vec![done(0), done(1), refused(2), back(by_failure(2, Business), &[0])],
        ),
        ("pivot_in_doubt", pivot(), vec![done(0), doubted(1), back(by_failure(1, InDoubt), &[0])]),
        ("settled_first", asked(), vec![done(0), cancelled(), doubted(1), back(by_cancel(), &[0])]),
        ("settled_first", once(), vec![tried(0), cancelled(), back(by_cancel(), &[])]),
    ]
}

fn going_back() -> Vec<Row> {
    vec![
        ("plan_needed", two(), vec![done(0), refused(1), back(by_failure(1, Business), &[1, 0])]),
        ("plan_needed", two(), vec![done(0), refused(1), back(by_failure(1, Business), &[0, 0])]),
        ("plan_of_strategy", two(), vec![done(0), refused(1), back(by_failure(1, Business), &[])]),
        ("plan_of_strategy", two(), vec![done(0), done(1), cancelled(), back(by_cancel(), &[0, 1])]),
        (
            "plan_of_strategy",
            two(),
            vec![done(0), cancelled(), planned(by_cancel(), vec![vec![0]], OnUndoFailure::GoOn)],
        ),
        ("undo_planned", two(), gone_back(vec![undone(1)])),
        ("undone_once", two(), gone_back(vec![undone(0), undone(0)])),
        ("undo_order", two(), vec![done(0), done(1), cancelled(), back(by_cancel(), &[1, 0]), undone(0)]),
        (
            "undo_order",
            two(),
            vec![
                done(0),
                done(1),
                cancelled(),
                back(by_cancel(), &[1, 0]),
                undo_failed(1, 1, GIVE_UP),
                undone(0),
            ],
        ),
        ("undo_given_up", two(), gone_back(vec![undo_failed(0, 1, GIVE_UP), undo_failed(0, 2, GIVE_UP)])),
        ("skip_fits", two(), vec![done(0), parked(), claimed(), skipped(0)]),
        ("skip_fits", two(), gone_back(vec![parked(), claimed(), skipped(1)])),
    ]
}

fn the_end() -> Vec<Row> {
    vec![
        ("completed", two(), vec![done(0), ended(SagaState::Completed)]),
        ("completed", two(), vec![done(0), cancelled(), done(1), ended(SagaState::Completed)]),
        ("end_of_cause", two(), gone_back(vec![undone(0), ended(SagaState::Cancelled)])),
        ("end_of_cause", two(), gone_back(vec![undone(0), ended(SagaState::Running)])),
        ("end_settled", two(), gone_back(vec![ended(SagaState::Compensated)])),
        ("end_honest", two(), gone_back(vec![undone(0), ended(SagaState::Failed)])),
        ("end_report", two(), gone_back(vec![undone(0), left(SagaState::Failed, &["a"])])),
        (
            "end_report",
            two(),
            vec![
                done(0),
                doubted(1),
                back(by_failure(1, InDoubt), &[0]),
                undone(0),
                ended(SagaState::Compensated),
            ],
        ),
        (
            "given_up_report",
            two(),
            gone_back(vec![
                undo_failed(0, 1, GIVE_UP),
                stuck_undo(0),
                claimed(),
                abandoned(),
                ended(SagaState::Failed),
            ]),
        ),
    ]
}

#[test]
fn each_broken_rule_is_found_and_no_other() {
    for (rule, definition, events) in rows() {
        let (last, before) = events.split_last().expect("something breaks the rule");
        let whole = after_begun(&definition, before.to_vec());
        assert_eq!(names(&definition, &whole), [""; 0], "{rule}: before {last:?}");
        let violations = invariants(&definition, &after_begun(&definition, events.clone()));
        let found: Vec<_> = violations.iter().map(|violation| (violation.rule, violation.sequence)).collect();
        assert_eq!(found, [(rule, events.len() as u64)], "{events:?}");
    }
}

/// Rules that a journal alone can be held against.
const OF_JOURNAL: [&str; 13] = [
    "end_is_last",
    "owned",
    "stuck_rests",
    "operator_when_stuck",
    "given_up",
    "refusals_stand",
    "no_way_forward",
    "undo_planned",
    "undone_once",
    "undo_order",
    "end_of_cause",
    "end_settled",
    "end_honest",
];

#[test]
fn what_a_journal_alone_tells_is_found_without_its_definition_and_nothing_else() {
    for (rule, definition, events) in rows() {
        let violations = invariants_of_journal(&after_begun(&definition, events.clone()));
        let found: Vec<_> = violations.iter().map(|violation| (violation.rule, violation.sequence)).collect();
        let last = (rule, events.len() as u64);
        if OF_JOURNAL.contains(&rule) {
            assert_eq!(found, [last], "{events:?}");
        }
        // What breaks a rule of the others may break one of these too; nothing before it does.
        assert!(found.iter().all(|(_, sequence)| *sequence == last.1), "{found:?} in {events:?}");
    }
    assert_eq!(invariants_of_journal(&[]).len(), 1);
    assert_eq!(invariants_of_journal(&journal(vec![claimed()])).len(), 1);
    assert_eq!(invariants_of_journal(&after_begun(&two(), vec![done(usize::MAX)])).len(), 1);
}

#[test]
fn a_journal_begins_with_the_start_of_its_definition_and_is_numbered() {
    let saga = of(&[&["a"], &["b"]]);
    let renamed = Definition::new("renamed", 1, saga.steps.clone(), saga.stages.clone());
    assert_eq!(names(&saga, &journal(vec![claimed()])), ["one_start"]);
    assert_eq!(names(&saga, &after_begun(&saga, vec![waiting(&saga)])), ["one_start"]);
    assert_eq!(names(&renamed, &after_begun(&saga, vec![])), ["one_start"]);
    let mut gap = after_begun(&saga, vec![done(0), done(1)]);
    gap.remove(1);
    assert_eq!(names(&saga, &gap), ["numbers"]);
}

#[test]
fn every_rule_has_a_journal_that_breaks_it() {
    let shown: Vec<&str> = rows().iter().map(|row| row.0).collect();
    // Two have a test of their own; the last says of the fold what the properties look for.
    let elsewhere = ["numbers", "one_start", "folds"];
    for rule in invariant_rules() {
        assert!(shown.contains(&rule) || elsewhere.contains(&rule), "no journal breaks `{rule}`");
    }
}

#[test]
fn what_the_fold_alone_refuses_is_told_too() {
    // Starts are recorded only of `at_most_once` steps; two of another one break no rule of the design.
    let saga = of(&[&["a"]]);
    assert_eq!(names(&saga, &after_begun(&saga, vec![tried(0), tried(0)])), ["folds"]);
}

#[test]
fn defaults_hold_where_the_definition_says_nothing() {
    let mut saga = of(&[&["a"]]);
    saga.retry = None;
    let retried = after_begun(&saga, vec![failed(0, 1, Transient, RETRY)]);
    assert_eq!(names(&saga, &retried), [""; 0]);
    let mut defaults = Defaults::new();
    assert!(invariants_with(&saga, &defaults, &retried).is_empty());
    defaults.retry = no_retry();
    let found = invariants_with(&saga, &defaults, &retried);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "record 1: attempts are followed by no more retries than their policy allows [within_policy]; \
         found: retry 1 of step `a`, of 0"
    );
}

#[test]
fn a_saga_that_cannot_be_driven_is_given_up_by_whoever_parks_it() {
    // Without the definition at hand the report has no names.
    let saga = of(&[&["a"], &["b"]]);
    let events = vec![
        done(0),
        parked(),
        claimed(),
        denied("retry"),
        parked(),
        abandoned(),
        left(SagaState::Failed, &["step 1"]),
    ];
    assert_eq!(names(&saga, &after_begun(&saga, events)), [""; 0]);
}

#[test]
fn a_whole_story_breaks_no_rule() {
    let saga = of(&[&["a"], &["b"], &["c"]]);
    let events = vec![
        done(0),
        claimed(),
        done(1),
        refused(2),
        back(by_failure(2, Business), &[1, 0]),
        undo_failed(1, 1, GIVE_UP),
        stuck_undo(1),
        claimed(),
        skipped(1),
        undone(0),
        ended(SagaState::Compensated),
    ];
    assert_eq!(names(&saga, &after_begun(&saga, events)), [""; 0]);
}
