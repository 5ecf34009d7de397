//! What is shown, against what is expected letter by letter.

use saga::machine::{By, Event, SagaStarted, Then};
use saga::policy::{OnUndoFailure, UndoPlan};
use saga::{Definition, Labels, SagaId, StepDefinition, StepError, StepKind};

use super::*;
use crate::args::Color;
use crate::story::story;

const START: i64 = 1_795_526_640_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(START + millis * 1_000)
}

fn definition() -> Definition {
    let step = |name, kind| StepDefinition::new(name, kind);
    let steps = vec![
        step("create", StepKind::Compensatable),
        step("reserve", StepKind::Compensatable),
        step("quote", StepKind::NothingToUndo),
        step("pay", StepKind::Pivot),
    ];
    Definition::new("order", 2, steps, vec![vec![0], vec![1, 2], vec![3]])
}

/// A saga that was retried, taken over, refused, and undone but for one step.
fn journal(definition: &Definition) -> Vec<Record> {
    let failure =
        |step: &str, error: StepError, attempts| Box::new(saga::StepFailure::new(step, &error, attempts));
    let done = |step, output: &str| Event::StepCompleted {
        step,
        attempt: 1,
        by: By::Execution,
        output: Payload::from(output.as_bytes()),
    };
    let declined = failure("pay", StepError::business("CARD_DECLINED", "no funds"), 2);
    let glue = |attempts| failure("create", StepError::transient("glue"), attempts);
    let plan = UndoPlan { stages: vec![vec![1], vec![0]], on_failure: OnUndoFailure::Park };
    let started = SagaStarted {
        definition: definition.name.clone(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at: at(0),
        deadline: None,
        owner: Some(WorkerId::from_bytes([1; 16])),
        input: Payload::from(br#"{"cents":1250}"#.as_slice()),
    };
    let events = vec![
        (0, Event::SagaStarted(Box::new(started))),
        (40, done(0, "\"o-1\"")),
        (60, done(2, "12.5")),
        (140, done(1, "[3]")),
        (
            200,
            Event::StepFailed {
                step: 3,
                attempt: 1,
                failure: failure("pay", StepError::in_doubt("no answer"), 1),
                then: Then::Retry { at: at(400) },
            },
        ),
        (300, Event::Claimed { worker: WorkerId::from_bytes([2; 16]) }),
        (440, Event::StepFailed { step: 3, attempt: 2, failure: declined.clone(), then: Then::GiveUp }),
        (
            440,
            Event::CompensationStarted {
                cause: Box::new(saga::Cause::StepFailed { failure: (*declined).clone() }),
                plan,
            },
        ),
        (500, Event::StepCompensated { step: 1, attempt: 1, by: By::Execution }),
        (
            520,
            Event::CompensationFailed {
                step: 0,
                attempt: 1,
                failure: glue(1),
                then: Then::Retry { at: at(620) },
            },
        ),
        (640, Event::CompensationFailed { step: 0, attempt: 2, failure: glue(2), then: Then::GiveUp }),
        (
            640,
            Event::Stuck { reason: Box::new(saga::machine::StuckReason::UndoFailed { failure: *glue(2) }) },
        ),
    ];
    let record = |(sequence, (millis, event))| Record { sequence: sequence as u64, at: at(millis), event };
    events.into_iter().enumerate().map(record).collect()
}

fn parked(definition: &Definition) -> SagaInstance {
    SagaInstance {
        id: "019a0000-0000-7000-8000-000000000001".parse().unwrap(),
        definition: definition.name.to_string(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        state: SagaState::Stuck,
        labels: [("customer".to_owned(), "c-\u{1b}17".to_owned())].into(),
        key: None,
        owner: None,
        wake_at: None,
        created_at: at(0),
        updated_at: at(640),
        ended_at: None,
    }
}

fn shown(show: &Show, is_known: bool, color: Color) -> String {
    let definition = definition();
    let journal = journal(&definition);
    let saga = parked(&definition);
    let view = View {
        show,
        saga: &saga,
        story: story(is_known.then_some(&definition), &journal),
        journal: &journal,
        requests: &[(9, Request::Retry)],
        alive: &[],
        now: at(3_600_000),
    };
    view.text(&Output::new(false, color))
}

const SHOW: Show = Show { id: SagaId::from_bytes([0; 16]), no_payloads: false, events: false };

#[test]
fn a_saga_is_shown_with_its_attempts_and_its_timeline() {
    let expected = include_str!("parked.txt");
    let text = shown(&SHOW, true, Color::Never);
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn a_saga_whose_definition_nobody_knows_is_shown_by_numbers_and_by_the_names_that_failures_tell() {
    let text = shown(&SHOW, false, Color::Never);
    for line in ["  create: undo failed", "  step 2: undone", "  step 3: done", "  pay: failed"] {
        assert!(text.lines().any(|shown| shown == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn payloads_are_left_out_where_that_is_wished() {
    let text = shown(&Show { no_payloads: true, ..SHOW }, true, Color::Never);
    assert!(!text.contains("1250") && !text.contains("o-1"), "{text}");
}

#[test]
fn a_terminal_is_sent_nothing_that_comes_from_a_saga() {
    let plain = shown(&Show { events: true, ..SHOW }, true, Color::Never);
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(shown(&SHOW, true, Color::Always).contains("\u{1b}[31m"));
}
