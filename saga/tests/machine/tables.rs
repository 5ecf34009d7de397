//! A journal, and what is to be done then: the rules of the design, one by one.

use saga::FailureKind::{Business, InDoubt, Transient};
use saga::machine::Task::{Execute, Undo, Verify};
use saga::machine::{Action, Event, SagaState, Situation, State, StepSet, StepStatus, StuckReason, Task};
use saga::policy::{Defaults, OnUndoFailure, millis, parallel, secs};
use saga::{Cause, Definition, StepError, StepFailure};

use crate::events::*;
use crate::sagas::{of, of_stubborn};

fn state(definition: &Definition, events: Vec<Event>) -> State {
    let mut state = State::new(definition);
    for event in [begun(definition)].into_iter().chain(events) {
        state.apply(definition, &event).unwrap_or_else(|illegal| panic!("{illegal}"));
    }
    state
}

/// What is to be done after `events`, while attempts of `running` are under way.
fn next_beside(definition: &Definition, running: &[usize], events: Vec<Event>) -> Action {
    let mut set = StepSet::EMPTY;
    for &step in running {
        set.insert(step);
    }
    let mut defaults = Defaults::new();
    defaults.fruitless_claims_max = 2;
    let situation = Situation { now: NOW, running: set, defaults: &defaults };
    state(definition, events).next(definition, &situation)
}

fn next(definition: &Definition, events: Vec<Event>) -> Action {
    next_beside(definition, &[], events)
}

fn refusal(definition: &Definition, mut events: Vec<Event>) -> &'static str {
    let last = events.pop().expect("there is one to refuse");
    state(definition, events).apply(definition, &last).expect_err("it is refused").reason
}

fn attempt(step: usize, task: Task, number: u32) -> Action {
    Action::Attempt { step, number, task }
}

/// What comes after a saga's last undo: its end, and what it left behind.
fn end_after(definition: &Definition, events: Vec<Event>) -> (SagaState, Vec<String>) {
    match next(definition, events) {
        Action::Record(Event::Ended { state, not_undone }) => {
            (state, not_undone.into_iter().map(|left| left.step).collect())
        }
        action => panic!("no end, but {action:?}"),
    }
}

#[test]
fn steps_are_done_in_the_order_of_the_flow_and_those_of_a_stage_beside_each_other() {
    let saga = of(&[&["a", "b"], &["c"]]);
    assert_eq!(next(&saga, vec![]), attempt(0, Execute, 1));
    assert_eq!(next_beside(&saga, &[0], vec![]), attempt(1, Execute, 1));
    assert_eq!(next_beside(&saga, &[0, 1], vec![]), Action::Wait { until: None });
    assert_eq!(next_beside(&saga, &[0], vec![done(1)]), Action::Wait { until: None });
    assert_eq!(next(&saga, vec![done(1), done(0)]), attempt(2, Execute, 1));
    let end = end_after(&saga, vec![done(0), done(1), done(2)]);
    assert_eq!(end, (SagaState::Completed, vec![]));
}

#[test]
fn a_retry_waits_for_its_time_and_not_for_its_neighbour() {
    let saga = of_stubborn(&[&["a", "b"]]);
    let events = vec![failed(0, 1, Transient, RETRY)];
    assert_eq!(next(&saga, events.clone()), attempt(1, Execute, 1));
    assert_eq!(next_beside(&saga, &[1], events.clone()), Action::Wait { until: Some(SOON) });
    assert_eq!(next(&saga, [events, vec![done(1)]].concat()), Action::Wait { until: Some(SOON) });
}

#[test]
fn a_step_in_doubt_is_asked_and_goes_on_or_back_by_the_answer() {
    let saga = of(&[&["a"], &["b?"], &["c"]]);
    let doubt = vec![done(0), doubted(1)];
    assert_eq!(next(&saga, doubt.clone()), attempt(1, Verify, 1));
    let there = [doubt.clone(), vec![found(1)]].concat();
    assert_eq!(next(&saga, there), attempt(2, Execute, 1));
    let absent = [doubt, vec![Event::StepAbsent { step: 1 }]].concat();
    assert_eq!(next(&saga, absent), Action::Record(back(by_failure(1, InDoubt), &[0])));
}

#[test]
fn an_undo_that_needs_no_output_settles_a_step_in_doubt() {
    let saga = of(&[&["a"], &["b~"]]);
    let mut events = vec![done(0), doubted(1)];
    assert_eq!(next(&saga, events.clone()), Action::Record(back(by_failure(1, InDoubt), &[1, 0])));
    events.extend([back(by_failure(1, InDoubt), &[1, 0]), undone(1), undone(0)]);
    assert_eq!(end_after(&saga, events.clone()), (SagaState::Compensated, vec![]));
    // And what is settled is not to be undone once more.
    events.truncate(4);
    events.extend([undo_failed(0, 1, GIVE_UP), stuck_undo(0), claimed(), skipped(1)]);
    assert_eq!(refusal(&saga, events), "the step left nothing that is to be undone now");
}

#[test]
fn a_doubt_that_nobody_settles_is_not_claimed_to_be_undone() {
    let saga = of(&[&["a"], &["b"]]);
    let mut events = vec![done(0), doubted(1), back(by_failure(1, InDoubt), &[0])];
    assert_eq!(next(&saga, events.clone()), attempt(0, Undo, 1));
    events.push(undone(0));
    assert_eq!(end_after(&saga, events), (SagaState::Failed, vec!["b".to_owned()]));
}

#[test]
fn a_refusal_settles_an_earlier_doubt_and_a_busy_service_does_not() {
    let saga = of_stubborn(&[&["a?"]]);
    let doubt = failed(0, 1, InDoubt, RETRY);
    let busy = vec![doubt.clone(), failed(0, 2, Transient, GIVE_UP)];
    assert_eq!(next(&saga, busy), attempt(0, Verify, 1));
    let refused = vec![doubt, failed(0, 2, Business, GIVE_UP)];
    assert!(matches!(next(&saga, refused), Action::Record(Event::CompensationStarted { .. })));
}

#[test]
fn an_output_that_cannot_be_recorded_leaves_its_step_in_doubt() {
    let saga = of(&[&["a~"]]);
    let error = StepError::permanent("too large").with_code("SAGA_OUTPUT_UNRECORDABLE");
    let failure = StepFailure::new("a", &error, 1);
    let event = Event::StepFailed { step: 0, attempt: 1, failure: Box::new(failure.clone()), then: GIVE_UP };
    assert_eq!(next(&saga, vec![event]), Action::Record(back(Cause::StepFailed { failure }, &[0])));
}

#[test]
fn one_branch_fails_and_the_others_end_first() {
    let saga = of_stubborn(&[&["a", "b?", "c~"]]);
    let events = vec![refused(0)];
    assert_eq!(next_beside(&saga, &[1, 2], events.clone()), Action::Wait { until: None });
    assert_eq!(
        next_beside(&saga, &[2], [events.clone(), vec![done(1)]].concat()),
        Action::Wait { until: None }
    );
    // What ended in doubt is asked at once, whatever its backoff, or undone without being asked.
    let doubts = [events, vec![failed(1, 1, InDoubt, RETRY), failed(2, 1, InDoubt, RETRY)]].concat();
    assert_eq!(next(&saga, doubts.clone()), attempt(1, Verify, 1));
    let found = [doubts, vec![found(1)]].concat();
    assert_eq!(next(&saga, found), Action::Record(back(by_failure(0, Business), &[2, 1])));
}

#[test]
fn the_backoff_of_a_step_does_not_delay_its_undo() {
    let saga = of_stubborn(&[&["a", "b~"]]);
    let way = back(by_failure(0, Business), &[1]);
    let events = vec![failed(1, 1, InDoubt, RETRY), refused(0), way];
    assert_eq!(next(&saga, events), attempt(1, Undo, 1));
}

#[test]
fn a_cancel_before_anything_has_begun_ends_the_saga_cancelled() {
    let saga = of(&[&["a"]]);
    assert_eq!(next(&saga, vec![cancelled()]), Action::Record(back(by_cancel(), &[])));
    let end = end_after(&saga, vec![cancelled(), back(by_cancel(), &[])]);
    assert_eq!(end, (SagaState::Cancelled, vec![]));
}

#[test]
fn a_cancel_lets_the_running_attempt_end_and_undoes_it_too() {
    let saga = of(&[&["a"]]);
    assert_eq!(next_beside(&saga, &[0], vec![cancelled()]), Action::Wait { until: None });
    assert_eq!(next(&saga, vec![cancelled(), done(0)]), Action::Record(back(by_cancel(), &[0])));
}

#[test]
fn no_wait_sleeps_past_the_deadline_unless_the_saga_cannot_turn_back() {
    let mut saga = of_stubborn(&[&["a!"], &["b>"]]);
    saga.timeout = Some(millis(500));
    let deadline = NOW.saturating_add(millis(500));
    assert_eq!(next_beside(&saga, &[0], vec![]), Action::Wait { until: Some(deadline) });
    let backoff = vec![failed(0, 1, Transient, RETRY)];
    assert_eq!(next(&saga, backoff), Action::Wait { until: Some(deadline) });
    assert_eq!(next_beside(&saga, &[1], vec![done(0)]), Action::Wait { until: None });
}

#[test]
fn a_deadline_drops_what_runs_and_what_was_asked_is_asked_again() {
    let mut saga = of(&[&["a?"], &["b"]]);
    saga.timeout = Some(secs(0));
    let doubt = vec![doubted(0)];
    assert_eq!(next_beside(&saga, &[0], doubt.clone()), Action::Record(late(&[0])));
    assert_eq!(next(&saga, [doubt, vec![late(&[0])]].concat()), attempt(0, Verify, 1));
    assert_eq!(next(&saga, vec![late(&[0])]), attempt(0, Verify, 1), "dropped, so in doubt");
    assert_eq!(next(&saga, vec![late(&[])]), Action::Record(back(Cause::TimedOut, &[])), "nothing ran");
}

#[test]
fn a_dropped_attempt_is_in_doubt_even_where_its_start_is_not_recorded() {
    // As in a saga without a store: there are no records of starts.
    let saga = of(&[&["a1"]]);
    let end = end_after(&saga, vec![late(&[0]), back(Cause::TimedOut, &[])]);
    assert_eq!(end, (SagaState::Failed, vec!["a".to_owned()]));
}

#[test]
fn past_the_pivot_a_cancel_and_a_deadline_are_refused_by_an_event() {
    let mut saga = of(&[&["a!"], &["b>"]]);
    let denied_cancel = Action::Record(denied("cancel"));
    assert_eq!(next(&saga, vec![cancelled(), done(0)]), denied_cancel);
    assert_eq!(next(&saga, vec![cancelled(), done(0), denied("cancel")]), attempt(1, Execute, 1));
    assert_eq!(refusal(&saga, vec![done(0), cancelled()]), "the point of no return is behind it");
    // Another refusal doesn't stand in for this one.
    assert_eq!(next(&saga, vec![cancelled(), done(0), denied("retry")]), denied_cancel);

    saga.timeout = Some(secs(0));
    assert_eq!(next(&saga, vec![done(0), denied("retry")]), Action::Record(denied("timeout")));
    assert_eq!(next(&saga, vec![done(0), denied("timeout")]), attempt(1, Execute, 1));
}

#[test]
fn a_step_past_the_pivot_that_gives_up_parks_the_saga_and_gets_new_attempts_by_a_retry() {
    let saga = of(&[&["a!"], &["b>", "c>"]]);
    let events = vec![done(0), failed(1, 1, Transient, GIVE_UP)];
    assert_eq!(next_beside(&saga, &[2], events.clone()), Action::Wait { until: None });
    let park = stuck_step(1, Transient);
    assert_eq!(next(&saga, events.clone()), Action::Record(park.clone()));
    let resumed = [events, vec![park, claimed(), Event::Resumed]].concat();
    assert_eq!(next(&saga, resumed), attempt(1, Execute, 1));
}

#[test]
fn two_steps_past_the_pivot_gave_up_and_one_of_them_is_supplied() {
    let saga = of(&[&["a!"], &["b>", "c>"]]);
    let events = vec![done(0), refused(1), refused(2), stuck_step(1, Business), claimed(), supplied(1)];
    assert_eq!(next(&saga, events), Action::Record(stuck_step(2, Business)));
}

#[test]
fn a_pivot_in_doubt_parks_the_saga_until_somebody_knows() {
    let saga = of(&[&["a"], &["b!"], &["c>"]]);
    let events = vec![done(0), doubted(1)];
    assert_eq!(next(&saga, events.clone()), Action::Record(stuck_pivot("b")));
    let events = [events, vec![stuck_pivot("b"), claimed()]].concat();
    assert_eq!(next(&saga, [events.clone(), vec![supplied(1)]].concat()), attempt(2, Execute, 1));
    let skip = [events.clone(), vec![skipped(1)]].concat();
    assert_eq!(next(&saga, skip), Action::Record(back(by_failure(1, InDoubt), &[0])));
    assert_eq!(next(&saga, [events, vec![Event::Resumed]].concat()), attempt(1, Execute, 1));
}

#[test]
fn a_pivot_known_to_be_not_done_stays_so_whatever_else_parks_the_saga() {
    let saga = of(&[&["a"], &["b!"]]);
    let mut events = vec![done(0), doubted(1), stuck_pivot("b"), claimed(), skipped(1)];
    events.extend([parked(), claimed(), Event::Resumed]);
    assert_eq!(next(&saga, events), Action::Record(back(by_failure(1, InDoubt), &[0])));
}

#[test]
fn a_pivot_in_doubt_is_not_run_again_where_it_must_not_or_is_not_wanted() {
    for (pivot, turn) in [("a!1", None), ("a!", Some(cancelled()))] {
        let verified = format!("{pivot}?").leak();
        let mut events: Vec<Event> = [vec![tried(0)], turn.into_iter().collect()].concat();
        events.extend([doubted(0), stuck_pivot("a"), claimed(), Event::Resumed]);
        let saga = of(&[&[pivot], &["b>"]]);
        assert_eq!(next(&saga, events.clone()), Action::Record(stuck_pivot("a")), "{pivot}");

        let saga = of(&[&[verified], &["b>"]]);
        let stuck = events.iter().position(|event| matches!(event, Event::Stuck { .. })).unwrap();
        events.insert(stuck, unfound(0, 1, GIVE_UP));
        assert_eq!(next(&saga, events), attempt(0, Verify, 1), "{pivot}");
    }
}

#[test]
fn a_retry_of_a_parked_saga_forgets_neither_its_cancel_nor_its_failed_step() {
    let saga = of(&[&["a"], &["b", "c?"]]);
    let park = stuck(StuckReason::CrashLoop { claims: 3 });
    for (turn, cause) in [(cancelled(), by_cancel()), (refused(1), by_failure(1, Business))] {
        let lost = vec![done(0), turn, claimed(), claimed(), claimed(), park.clone(), claimed()];
        let resumed = [lost, vec![Event::Resumed]].concat();
        assert_eq!(next(&saga, resumed.clone()), attempt(2, Verify, 1));
        let absent = [resumed, vec![Event::StepAbsent { step: 2 }]].concat();
        assert_eq!(next(&saga, absent), Action::Record(back(cause, &[0])));
    }
}

#[test]
fn an_undo_that_gave_up_stops_the_others_until_it_is_retried_or_skipped() {
    let saga = of(&[&["a"], &["b"], &["c"]]);
    let cause = by_failure(2, Business);
    let mut events = vec![done(0), done(1), refused(2), back(cause, &[1, 0])];
    events.push(undo_failed(1, 1, GIVE_UP));
    assert_eq!(next(&saga, events.clone()), Action::Record(stuck_undo(1)));
    events.extend([stuck_undo(1), claimed()]);
    assert_eq!(next(&saga, [events.clone(), vec![Event::Resumed]].concat()), attempt(1, Undo, 1));
    assert_eq!(next(&saga, [events.clone(), vec![skipped(1)]].concat()), attempt(0, Undo, 1));
    assert_eq!(
        end_after(&saga, [events, vec![abandoned()]].concat()),
        (SagaState::Failed, vec!["a".to_owned(), "b".to_owned()])
    );
}

#[test]
fn a_crash_amid_parallel_undos_repeats_only_those_that_are_not_recorded() {
    let mut saga = of(&[&["a"], &["b"], &["c"]]);
    saga.compensation = Some(parallel(secs(1)));
    let way = planned(by_failure(2, Business), vec![vec![0, 1]], OnUndoFailure::GoOn);
    let mut events = vec![done(0), done(1), refused(2)];
    assert_eq!(next(&saga, events.clone()), Action::Record(way.clone()));
    events.push(way);
    assert_eq!(next_beside(&saga, &[0], events.clone()), attempt(1, Undo, 1), "really at once");
    events.extend([undone(0), claimed()]);
    assert_eq!(next(&saga, events.clone()), attempt(1, Undo, 1));
    assert_eq!(next_beside(&saga, &[1], events.clone()), Action::Wait { until: None });
    events.push(undo_failed(1, 1, GIVE_UP));
    assert_eq!(end_after(&saga, events), (SagaState::Failed, vec!["b".to_owned()]));
}

#[test]
fn a_saga_that_loses_worker_after_worker_is_parked() {
    let saga = of(&[&["a"], &["b"]]);
    assert_eq!(next(&saga, vec![claimed(), claimed()]), attempt(0, Execute, 1));
    let crash_loop = Action::Record(stuck(StuckReason::CrashLoop { claims: 3 }));
    assert_eq!(next(&saga, vec![claimed(), claimed(), claimed()]), crash_loop);
    let progress = vec![claimed(), claimed(), done(0), claimed()];
    assert_eq!(next(&saga, progress), attempt(1, Execute, 1));
    let in_order = vec![released(), claimed(), released(), claimed(), released(), claimed()];
    assert_eq!(next(&saga, in_order), attempt(0, Execute, 1));
}

#[test]
fn a_crash_casts_doubt_on_what_may_have_run_and_on_nothing_else() {
    let doubts = |saga: &Definition, events| -> Vec<bool> {
        state(saga, events).steps().iter().map(|step| step.doubt).collect()
    };
    let saga = of(&[&["a"], &["b", "c1"], &["d"]]);
    assert_eq!(doubts(&saga, vec![done(0), claimed()]), [false, true, false, false]);
    assert_eq!(doubts(&saga, vec![done(0), tried(2), claimed()]), [false, true, true, false]);
    assert_eq!(doubts(&saga, vec![done(0), released(), claimed()]), [false; 4]);
    // Nobody drove it while it was parked; it was claimed only to answer.
    let asked = vec![done(0), parked(), claimed(), denied("skip"), claimed()];
    assert_eq!(doubts(&saga, asked), [false; 4]);
}

#[test]
fn a_lost_attempt_is_run_again_unless_it_must_not() {
    assert_eq!(next(&of(&[&["a"]]), vec![claimed()]), attempt(0, Execute, 1));
    assert_eq!(next(&of(&[&["a1?"]]), vec![tried(0), claimed()]), attempt(0, Verify, 1));
    assert_eq!(next(&of(&[&["a1"]]), vec![claimed()]), attempt(0, Execute, 1), "no start, no attempt");
    // Its start was recorded when it was still declared `at_most_once`.
    assert_eq!(next(&of(&[&["a"]]), vec![tried(0), claimed()]), attempt(0, Execute, 1));
    // A retry was recorded when it was not yet.
    let retried = vec![failed(0, 1, InDoubt, RETRY)];
    assert_eq!(state(&of(&[&["a1"]]), retried).steps()[0].status, StepStatus::InDoubt);
}

#[test]
fn what_does_not_fit_is_refused() {
    let saga = of(&[&["a"], &["b?"]]);
    let one = of(&[&["a1"], &["b!"]]);
    let way = || back(by_failure(1, Business), &[0]);
    let rows: Vec<(&Definition, Vec<Event>, &str)> = vec![
        (&saga, vec![done(1)], "the step's stage is not under way"),
        (&saga, vec![done_in(0, 2, saga::machine::By::Execution)], "the attempt is not the next one"),
        (&saga, vec![done(7)], "the definition has no such step"),
        (&saga, vec![released(), done(0)], "nobody owns the saga: it has to be claimed first"),
        (&saga, vec![parked(), Event::Resumed], "nobody owns the saga: it has to be claimed first"),
        (&one, vec![tried(0), released()], "an attempt is under way"),
        (&one, vec![tried(0), tried(0)], "an attempt of the step is under way"),
        (&one, vec![cancelled(), tried(0)], "the saga is turning back, and no step begins any more"),
        (&saga, vec![failed(0, 1, Business, RETRY)], "a business or permanent failure is not retried"),
        (&saga, vec![done(0), found(1)], "the step is not in doubt, or cannot be verified"),
        (&saga, vec![done(0), doubted(1), unfound(1, 2, RETRY)], "the attempt is not the next one"),
        (
            &saga,
            vec![done(0), claimed(), Event::StepAbsent { step: 1 }],
            "the step is not in doubt, or cannot be verified",
        ),
        (&saga, vec![done(0), late(&[0])], "no attempt of the step can have been under way"),
        (&saga, vec![late(&[1])], "no attempt of the step can have been under way"),
        (&saga, vec![done(0), refused(1), cancelled()], "the saga is turning back already"),
        (&saga, vec![done(0), way()], "nothing makes the saga turn back"),
        (&saga, vec![done(0), cancelled(), way()], "the saga turns back for another cause"),
        (
            &saga,
            vec![done(0), cancelled(), doubted(1), back(by_cancel(), &[0])],
            "a step in doubt has not been asked",
        ),
        (
            &one,
            vec![done_at_most_once(), refused(1), back(by_failure(1, Business), &[0, 0])],
            "the plan undoes a step twice",
        ),
        (
            &one,
            vec![done_at_most_once(), doubted(1), back(by_failure(1, InDoubt), &[0])],
            "nobody knows whether the pivot took effect",
        ),
        (&one, vec![tried(0), cancelled(), back(by_cancel(), &[])], "an attempt is under way"),
        (
            &saga,
            vec![done(0), refused(1), back(by_failure(1, Business), &[1])],
            "the plan undoes a step that needs no undo",
        ),
        (&saga, vec![done(0), refused(1), way(), undone(1)], "the step is not to be undone"),
        (&saga, vec![done(0), refused(1), way(), undone(0), undone(0)], "the step is not to be undone"),
        (&saga, vec![done(0), refused(1), way(), done(1)], "the saga is going back"),
        (&saga, vec![done(0), refused(1), way(), ended(SagaState::Compensated)], "steps are left to undo"),
        (
            &saga,
            vec![done(0), refused(1), way(), undone(0), ended(SagaState::Cancelled)],
            "that is not how the saga ended",
        ),
        (
            &saga,
            vec![done(0), refused(1), way(), undone(0), left(SagaState::Failed, &["a"])],
            "something else is not undone",
        ),
        (&saga, vec![done(0), ended(SagaState::Completed)], "steps are left to do"),
        (
            &saga,
            vec![done(0), done(1), ended(SagaState::Compensated)],
            "a saga going forward ends only completed",
        ),
        (&saga, vec![done(0), cancelled(), done(1), ended(SagaState::Completed)], "the saga is turning back"),
        (&saga, vec![done(0), done(1), ended(SagaState::Completed), claimed()], "the saga has ended"),
        (&saga, vec![Event::Resumed], "the saga is not stuck"),
        (&saga, vec![parked(), claimed(), abandoned(), ended(SagaState::Completed)], "the saga was given up"),
    ];
    for (definition, events, reason) in rows {
        assert_eq!(refusal(definition, events.clone()), reason, "{events:?}");
    }
}

fn done_at_most_once() -> Event {
    // Accepted without a record of its start: it may be older than the declaration.
    done(0)
}

#[test]
fn undos_are_recorded_in_the_order_of_the_plan() {
    let saga = of(&[&["a"], &["b"], &["c"]]);
    let events = vec![done(0), done(1), refused(2), back(by_failure(2, Business), &[1, 0]), undone(0)];
    assert_eq!(refusal(&saga, events), "the undos before it are not behind");
    let mut events = vec![done(0), done(1), refused(2), back(by_failure(2, Business), &[1, 0])];
    events.extend([undo_failed(1, 1, GIVE_UP), undone(0)]);
    assert_eq!(refusal(&saga, events), "the undos before it are not behind");
}
