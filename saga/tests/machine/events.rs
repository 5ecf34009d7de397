//! Events, in short.

use saga::machine::{By, Event, NotUndone, Record, SagaStarted, SagaState, StuckReason, Then};
use saga::policy::{OnUndoFailure, UndoPlan};
use saga::{Cause, Definition, FailureKind, Labels, Payload, StepError, StepFailure, Timestamp, WorkerId};

/// When everything in a table happens.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_000_000);

/// When a retry in a table is due.
pub(crate) const SOON: Timestamp = Timestamp::from_micros(2_000_000);

pub(crate) const GIVE_UP: Then = Then::GiveUp;
pub(crate) const RETRY: Then = Then::Retry { at: SOON };

/// The first event of a saga of this definition.
pub(crate) fn started(definition: &Definition, start_at: Timestamp, owner: Option<WorkerId>) -> SagaStarted {
    SagaStarted {
        definition: definition.name.clone(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at,
        deadline: definition.timeout.map(|timeout| start_at.saturating_add(timeout)),
        owner,
        input: Payload::from(&b"0"[..]),
    }
}

/// A saga that is owned and begins at once.
pub(crate) fn begun(definition: &Definition) -> Event {
    Event::SagaStarted(Box::new(started(definition, NOW, Some(WorkerId::new()))))
}

/// A saga that nobody owns yet.
pub(crate) fn waiting(definition: &Definition) -> Event {
    Event::SagaStarted(Box::new(started(definition, NOW, None)))
}

pub(crate) fn claimed() -> Event {
    Event::Claimed { worker: WorkerId::new() }
}

pub(crate) fn released() -> Event {
    Event::Released { until: None }
}

pub(crate) fn tried(step: usize) -> Event {
    Event::StepStarted { step, attempt: 1 }
}

pub(crate) fn done(step: usize) -> Event {
    done_in(step, 1, By::Execution)
}

pub(crate) fn found(step: usize) -> Event {
    done_in(step, 1, By::Verification)
}

pub(crate) fn supplied(step: usize) -> Event {
    done_in(step, 0, by_hand())
}

pub(crate) fn done_in(step: usize, attempt: u32, by: By) -> Event {
    Event::StepCompleted { step, attempt, by, output: Payload::from(&b"1"[..]) }
}

pub(crate) fn by_hand() -> By {
    By::Operator { note: "by hand".to_owned() }
}

pub(crate) fn error(step: usize, kind: FailureKind, attempts: u32) -> StepFailure {
    let name = ["a", "b", "c", "d"][step];
    StepFailure::new(name, &StepError::new(kind, "no"), attempts)
}

pub(crate) fn failed(step: usize, attempt: u32, kind: FailureKind, then: Then) -> Event {
    Event::StepFailed { step, attempt, failure: Box::new(error(step, kind, attempt)), then }
}

/// The first attempt is refused for good.
pub(crate) fn refused(step: usize) -> Event {
    failed(step, 1, FailureKind::Business, GIVE_UP)
}

/// The first attempt ends in doubt, and there is no other.
pub(crate) fn doubted(step: usize) -> Event {
    failed(step, 1, FailureKind::InDoubt, GIVE_UP)
}

pub(crate) fn unfound(step: usize, attempt: u32, then: Then) -> Event {
    let failure = Box::new(error(step, FailureKind::Transient, attempt));
    Event::VerifyFailed { step, attempt, failure, then }
}

pub(crate) fn cancelled() -> Event {
    Event::CancelRequested { reason: "not wanted".to_owned() }
}

pub(crate) fn late(dropped: &[usize]) -> Event {
    Event::DeadlinePassed { dropped: dropped.to_vec() }
}

pub(crate) fn denied(request: &'static str) -> Event {
    let reason = "the point of no return is behind it".into();
    Event::RequestRefused { request: request.into(), reason }
}

pub(crate) fn by_cancel() -> Cause {
    Cause::Cancelled { reason: "not wanted".to_owned() }
}

pub(crate) fn by_failure(step: usize, kind: FailureKind) -> Cause {
    Cause::StepFailed { failure: error(step, kind, 1) }
}

/// The way back, one by one.
pub(crate) fn back(cause: Cause, steps: &[usize]) -> Event {
    planned(cause, steps.iter().map(|&step| vec![step]).collect(), OnUndoFailure::Park)
}

pub(crate) fn planned(cause: Cause, stages: Vec<Vec<usize>>, on_failure: OnUndoFailure) -> Event {
    Event::CompensationStarted { cause: Box::new(cause), plan: UndoPlan { stages, on_failure } }
}

pub(crate) fn undone(step: usize) -> Event {
    Event::StepCompensated { step, attempt: 1, by: By::Execution }
}

pub(crate) fn skipped(step: usize) -> Event {
    Event::StepCompensated { step, attempt: 0, by: by_hand() }
}

pub(crate) fn undo_failed(step: usize, attempt: u32, then: Then) -> Event {
    let failure = Box::new(error(step, FailureKind::Transient, attempt));
    Event::CompensationFailed { step, attempt, failure, then }
}

pub(crate) fn stuck(reason: StuckReason) -> Event {
    Event::Stuck { reason: Box::new(reason) }
}

/// Parked for a reason that has nothing to do with its steps.
pub(crate) fn parked() -> Event {
    stuck(StuckReason::UnknownDefinition { definition: "table".to_owned() })
}

pub(crate) fn stuck_pivot(step: &str) -> Event {
    stuck(StuckReason::PivotInDoubt { step: step.to_owned() })
}

pub(crate) fn stuck_undo(step: usize) -> Event {
    stuck(StuckReason::UndoFailed { failure: error(step, FailureKind::Transient, 1) })
}

pub(crate) fn stuck_step(step: usize, kind: FailureKind) -> Event {
    stuck(StuckReason::StepFailed { failure: error(step, kind, 1) })
}

pub(crate) fn abandoned() -> Event {
    Event::Abandoned { note: "enough".to_owned() }
}

pub(crate) fn ended(state: SagaState) -> Event {
    Event::Ended { state, not_undone: Vec::new() }
}

/// An end with these steps not undone.
pub(crate) fn left(state: SagaState, steps: &[&str]) -> Event {
    let encoded: Vec<String> =
        steps.iter().map(|step| format!(r#"{{"step":"{step}","reason":"so"}}"#)).collect();
    let not_undone: Vec<NotUndone> = encoded.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    Event::Ended { state, not_undone }
}

pub(crate) fn journal(events: Vec<Event>) -> Vec<Record> {
    events.into_iter().zip(0..).map(|(event, sequence)| Record { sequence, at: NOW, event }).collect()
}
