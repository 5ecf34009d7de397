//! What happens to a saga: the entries of its journal.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{IllegalEvent, NotUndone, SagaState, State, StuckReason};
use crate::context::Labels;
use crate::policy::UndoPlan;
use crate::{Cause, Definition, Fingerprint, Payload, StepFailure, Timestamp, WorkerId};

/// The version of the encoding below. It is raised when an old reader could not read what is written.
pub const EVENT_VERSION: u32 = 1;

/// One entry of a saga's journal.
///
/// Names are stable: what an old version wrote, each later one reads. Payloads stand beside the encoded event and
/// not in it, so that a store can keep them in a column of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The saga is recorded.
    SagaStarted(Box<SagaStarted>),
    /// A worker took the saga over.
    Claimed {
        /// The new owner.
        worker: WorkerId,
    },
    /// Its owner gave it back, in order: nothing was under way.
    Released {
        /// When it is to be taken up again; `None`: at once.
        until: Option<Timestamp>,
    },
    /// An attempt of an `at_most_once` step begins.
    StepStarted {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// A step is done.
    StepCompleted {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        attempt: u32,
        /// Who says so.
        by: By,
        /// Its encoded output.
        #[serde(skip)]
        output: Payload,
    },
    /// An attempt of a step failed.
    StepFailed {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        attempt: u32,
        /// Its error.
        failure: Box<StepFailure>,
        /// What follows.
        then: Then,
    },
    /// A step in doubt was asked, and did not take effect.
    StepAbsent {
        /// The step's index.
        step: usize,
    },
    /// A step in doubt was asked, and the question failed.
    VerifyFailed {
        /// The step's index.
        step: usize,
        /// Which attempt to ask, from 1.
        attempt: u32,
        /// Its error.
        failure: Box<StepFailure>,
        /// What follows.
        then: Then,
    },
    /// Somebody asked for a cancel, and the saga can still turn back.
    CancelRequested {
        /// Why, in their words.
        reason: String,
    },
    /// The saga's deadline passed, and it can still turn back.
    DeadlinePassed {
        /// The steps whose running attempts were dropped, and are in doubt.
        dropped: Vec<usize>,
    },
    /// A request came too late, or doesn't fit.
    RequestRefused {
        /// What was asked for.
        request: Cow<'static, str>,
        /// Why not.
        reason: Cow<'static, str>,
    },
    /// The saga turns back.
    CompensationStarted {
        /// Why.
        cause: Box<Cause>,
        /// The way.
        plan: UndoPlan,
    },
    /// A step is undone.
    StepCompensated {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        attempt: u32,
        /// Who says so.
        by: By,
    },
    /// An attempt to undo a step failed.
    CompensationFailed {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        attempt: u32,
        /// Its error.
        failure: Box<StepFailure>,
        /// What follows.
        then: Then,
    },
    /// The saga is parked for an operator.
    Stuck {
        /// Why.
        reason: Box<StuckReason>,
    },
    /// An operator lets the saga go on where it stood.
    Resumed,
    /// An operator gave the saga up.
    Abandoned {
        /// Their note.
        note: String,
    },
    /// The saga ended.
    Ended {
        /// How.
        state: SagaState,
        /// What is not undone, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_undone: Vec<NotUndone>,
    },
}

/// The first entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaStarted {
    /// The definition's name.
    pub definition: Cow<'static, str>,
    /// The definition's version.
    pub version: u32,
    /// The definition's shape.
    pub fingerprint: Fingerprint,
    /// The payload codec's name.
    pub codec: Cow<'static, str>,
    /// Names and values to find it by.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The key of an idempotent start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it may begin.
    pub start_at: Timestamp,
    /// When it must have gone past the point of no return, or be undone.
    pub deadline: Option<Timestamp>,
    /// Who drives it; `None`: whoever is free when its time comes.
    pub owner: Option<WorkerId>,
    /// The encoded input.
    #[serde(skip)]
    pub input: Payload,
}

/// Who says that a step is done, or undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum By {
    /// Its function.
    Execution,
    /// Its `verify` function.
    Verification,
    /// A person who did it by hand.
    Operator {
        /// Their note.
        note: String,
    },
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum Then {
    /// Another attempt, not before this time.
    Retry {
        /// The time.
        at: Timestamp,
    },
    /// No other attempt.
    GiveUp,
}

/// An event in its place in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place, from 0, without gaps: the fence.
    pub sequence: u64,
    /// When the store took it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// An encoded event that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeEventError {
    /// Written by a later version of this library.
    #[error(
        "the event is of version {version}, this program reads up to {EVENT_VERSION}: deploy a newer one"
    )]
    Version {
        /// The version found.
        version: u32,
    },
    /// Not an event at all.
    #[error("the event cannot be read: {0}")]
    Syntax(#[from] serde_json::Error),
}

impl Event {
    /// Its stable name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SagaStarted(_) => "saga_started",
            Self::Claimed { .. } => "claimed",
            Self::Released { .. } => "released",
            Self::StepStarted { .. } => "step_started",
            Self::StepCompleted { .. } => "step_completed",
            Self::StepFailed { .. } => "step_failed",
            Self::StepAbsent { .. } => "step_absent",
            Self::VerifyFailed { .. } => "verify_failed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::DeadlinePassed { .. } => "deadline_passed",
            Self::RequestRefused { .. } => "request_refused",
            Self::CompensationStarted { .. } => "compensation_started",
            Self::StepCompensated { .. } => "step_compensated",
            Self::CompensationFailed { .. } => "compensation_failed",
            Self::Stuck { .. } => "stuck",
            Self::Resumed => "resumed",
            Self::Abandoned { .. } => "abandoned",
            Self::Ended { .. } => "ended",
        }
    }

    /// The index of the step that it speaks of.
    #[must_use]
    pub const fn step(&self) -> Option<usize> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepCompleted { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepAbsent { step }
            | Self::VerifyFailed { step, .. }
            | Self::StepCompensated { step, .. }
            | Self::CompensationFailed { step, .. } => Some(*step),
            _ => None,
        }
    }

    /// The payload that is kept beside it.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::SagaStarted(started) => Some(&started.input),
            Self::StepCompleted { output, .. } => Some(output),
            _ => None,
        }
    }

    /// The event as JSON, without its payload: `{"v":1,"type":"step_completed",..}`.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = serde_json::to_string(self).expect("an event has only keys that are strings");
        format!("{{\"v\":{EVENT_VERSION},{}", &body[1..])
    }

    /// The event that `body` spells, with the payload that stood beside it.
    pub fn decode(body: &str, payload: Payload) -> Result<Self, DecodeEventError> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u32,
        }
        let Versioned { v: version } = serde_json::from_str(body)?;
        if version > EVENT_VERSION {
            return Err(DecodeEventError::Version { version });
        }
        let mut event: Self = serde_json::from_str(body)?;
        match &mut event {
            Self::SagaStarted(started) => started.input = payload,
            Self::StepCompleted { output, .. } => *output = payload,
            _ => {}
        }
        Ok(event)
    }
}

/// The state after all of `records`.
pub fn fold<'a>(
    definition: &Definition,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<State, IllegalEvent> {
    let mut state = State::new(definition);
    for record in records {
        state.apply(definition, &record.event)?;
    }
    Ok(state)
}

/// Who owns the saga, as its journal says: the last who was named, unless it was given back, parked or ended since.
pub(crate) fn owner(journal: &[Record]) -> Option<WorkerId> {
    for Record { event, .. } in journal.iter().rev() {
        match event {
            Event::Claimed { worker } => return Some(*worker),
            Event::SagaStarted(started) => return started.owner,
            Event::Released { .. } | Event::Stuck { .. } | Event::Ended { .. } => return None,
            _ => {}
        }
    }
    None
}
