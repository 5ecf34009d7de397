//! An event as JSON: `event.schema.json` is its schema, `docs/events.md` explains it.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use super::{EventType, SagaEvent};
use crate::machine::{By, Event, NotUndone, StuckReason, Then};
use crate::{Cause, FailureKind, Labels, SagaId, StepFailure, WorkerId};

impl Serialize for SagaEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Body::of(self).serialize(serializer)
    }
}

/// The fields of the JSON in their order; what an event doesn't have is left out.
#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    id: String,
    #[serde(rename = "type")]
    event_type: EventType,
    saga: SagaId,
    sequence: u64,
    time: String,
    duration_us: u64,
    definition: &'a str,
    definition_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(flatten)]
    detail: Detail<'a>,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: &'a Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

/// What only some types have.
#[derive(Default, Serialize)]
struct Detail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<WorkerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "<[usize]>::is_empty")]
    dropped: &'a [usize],
    #[serde(skip_serializing_if = "<[NotUndone]>::is_empty")]
    not_undone: &'a [NotUndone],
}

#[derive(Serialize)]
struct Error<'a> {
    kind: FailureKind,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
}

impl<'a> Body<'a> {
    fn of(event: &'a SagaEvent) -> Self {
        Self {
            v: SagaEvent::VERSION,
            id: event.id(),
            event_type: event.event_type(),
            saga: event.saga,
            sequence: event.sequence,
            time: event.at.to_string(),
            duration_us: u64::try_from(event.duration().as_micros()).unwrap_or(u64::MAX),
            definition: &event.definition,
            definition_version: event.definition_version,
            step: event.step.as_deref(),
            step_index: event.event.step(),
            attempt: event.attempt(),
            detail: Detail::of(&event.event),
            labels: &event.labels,
            trace: event.trace(),
        }
    }
}

impl<'a> Detail<'a> {
    fn of(event: &'a Event) -> Self {
        match event {
            Event::SagaStarted(started) => Self {
                key: started.key.as_deref(),
                worker: started.owner,
                deadline: started.deadline.map(text),
                until: started.owner.is_none().then(|| text(started.start_at)),
                ..Self::default()
            },
            Event::Claimed { worker } => Self { worker: Some(*worker), ..Self::default() },
            Event::Released { until } => Self { until: until.map(text), ..Self::default() },
            Event::StepCompleted { by, .. } => Self::said_by(by, "supply"),
            Event::StepCompensated { by, .. } => Self::said_by(by, "skip"),
            Event::StepFailed { failure, then, .. }
            | Event::VerifyFailed { failure, then, .. }
            | Event::CompensationFailed { failure, then, .. } => {
                let retry_at = match then {
                    Then::Retry { at } => Some(text(at)),
                    Then::GiveUp => None,
                };
                Self { error: Some(Error::of(failure)), retry_at, ..Self::default() }
            }
            Event::CancelRequested { reason } => Self { reason: Some(reason.clone()), ..Self::default() },
            Event::DeadlinePassed { dropped } => Self { dropped, ..Self::default() },
            Event::RequestRefused { request, reason } => {
                Self { request: Some(request), reason: Some(text(reason)), ..Self::default() }
            }
            Event::CompensationStarted { cause, .. } => Self::caused_by(cause),
            Event::Stuck { reason } => {
                let error = match &**reason {
                    StuckReason::UndoFailed { failure } | StuckReason::StepFailed { failure } => {
                        Some(Error::of(failure))
                    }
                    _ => None,
                };
                Self { error, reason: Some(text(reason)), ..Self::default() }
            }
            Event::Resumed => Self { action: Some("retry"), ..Self::default() },
            Event::Abandoned { note } => {
                Self { action: Some("abandon"), note: Some(note), ..Self::default() }
            }
            Event::Ended { not_undone, .. } => Self { not_undone, ..Self::default() },
            Event::StepStarted { .. } | Event::StepAbsent { .. } => Self::default(),
        }
    }

    fn said_by(by: &'a By, action: &'static str) -> Self {
        match by {
            By::Execution => Self::default(),
            By::Verification => Self { by: Some("verification"), ..Self::default() },
            By::Operator { note } => Self { action: Some(action), note: Some(note), ..Self::default() },
        }
    }

    fn caused_by(cause: &'a Cause) -> Self {
        match cause {
            Cause::StepFailed { failure } => {
                Self { cause: Some("step_failed"), error: Some(Error::of(failure)), ..Self::default() }
            }
            Cause::Cancelled { reason } => {
                Self { cause: Some("cancelled"), reason: Some(reason.clone()), ..Self::default() }
            }
            Cause::TimedOut => Self { cause: Some("timed_out"), ..Self::default() },
        }
    }
}

impl<'a> Error<'a> {
    fn of(failure: &'a StepFailure) -> Self {
        let StepFailure { kind, error_type, code, message, .. } = failure;
        Self { kind: *kind, type_name: error_type, code: code.as_deref(), message }
    }
}

fn text(value: impl Display) -> String {
    value.to_string()
}
