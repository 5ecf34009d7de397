//! Branches past the pivot that fail side by side.

use saga::machine::{Action, By, Event, Record, SagaStarted, Situation, StepSet, StuckReason, Then, fold};
use saga::policy::Defaults;
use saga::{
    Definition, Labels, Payload, StepDefinition, StepError, StepFailure, StepKind, Timestamp, WorkerId,
};

/// Two branches past the pivot fail. One is done by hand: the saga is parked for the other, and doesn't run it.
#[test]
fn a_branch_that_is_done_by_hand_leaves_the_failure_of_another_as_it_is() {
    let step = StepDefinition::new;
    let steps = vec![
        step("pay", StepKind::Pivot),
        step("ship", StepKind::Retriable),
        step("mail", StepKind::Retriable),
    ];
    let definition = Definition::new("order", 1, steps, vec![vec![0], vec![1, 2]]);
    let at = Timestamp::from_micros(0);
    let started = SagaStarted {
        definition: "order".into(),
        version: 1,
        fingerprint: definition.fingerprint,
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at: at,
        deadline: None,
        owner: Some(WorkerId::new()),
        input: Payload::EMPTY,
    };
    let done = |step, by| Event::StepCompleted { step, attempt: 1, by, output: Payload::EMPTY };
    let failure = |name| Box::new(StepFailure::new(name, &StepError::permanent("broken"), 1));
    let failed =
        |step, name| Event::StepFailed { step, attempt: 1, failure: failure(name), then: Then::GiveUp };
    let parked = StuckReason::StepFailed { failure: *failure("ship") };
    let events = [
        Event::SagaStarted(Box::new(started)),
        done(0, By::Execution),
        failed(1, "ship"),
        failed(2, "mail"),
        Event::Stuck { reason: Box::new(parked) },
        Event::Claimed { worker: WorkerId::new() },
        done(1, By::Operator { note: "by car".to_owned() }),
    ];
    let journal: Vec<Record> =
        (0..).zip(events).map(|(sequence, event)| Record { sequence, at, event }).collect();
    let state = fold(&definition, &journal).unwrap();
    let situation = Situation { now: at, running: StepSet::EMPTY, defaults: &Defaults::new() };
    let parked = StuckReason::StepFailed { failure: *failure("mail") };
    assert_eq!(
        state.next(&definition, &situation),
        Action::Record(Event::Stuck { reason: Box::new(parked) })
    );
}
