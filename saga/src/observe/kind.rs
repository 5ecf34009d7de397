//! The types of events that are told to the outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FailureKind;
use crate::machine::{By, Event, SagaState, Then};

/// What an event tells. Each entry of a saga's journal is told as one event of one type.
///
/// The names are stable: those of the published JSON, `snake_case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventType {
    /// A saga is recorded.
    SagaStarted,
    /// It ended: every step is done.
    SagaCompleted,
    /// It ended: a step failed, and the compensation is completed.
    SagaCompensated,
    /// It ended: somebody cancelled it, and the compensation is completed.
    SagaCancelled,
    /// It ended: its deadline passed, and the compensation is completed.
    SagaTimedOut,
    /// It ended with something not undone.
    SagaFailed,
    /// It is parked for an operator.
    SagaStuck,
    /// A worker took it over.
    Claimed,
    /// Its owner gave it back to the store: it waits, or others are to go on.
    Released,
    /// An attempt of an `at_most_once` step begins. The start of other steps is not recorded, and so not told.
    StepStarted,
    /// A step is done.
    StepCompleted,
    /// A step failed for good: its error is a business or a permanent one.
    StepFailed,
    /// The last attempt of a step ended in doubt: nobody knows whether it took effect.
    StepInDoubt,
    /// An attempt of a step failed or is in doubt, and another one follows.
    StepRetryScheduled,
    /// An attempt of a step failed for now, and there is no other.
    StepRetriesExhausted,
    /// A step in doubt was asked, and did not take effect.
    StepAbsent,
    /// A step in doubt was asked, the question failed, and it is asked again.
    VerificationRetryScheduled,
    /// A step in doubt was asked, the question failed, and it is not asked again.
    VerificationFailed,
    /// Somebody asked for a cancel, and the saga will turn back.
    CancelRequested,
    /// The saga's deadline passed, and it will turn back.
    DeadlinePassed,
    /// A request came too late, or doesn't fit.
    RequestRefused,
    /// The saga turns back.
    CompensationStarted,
    /// A step is undone.
    StepCompensated,
    /// An attempt to undo a step failed, and another one follows.
    CompensationRetryScheduled,
    /// The undo of a step failed, and is not tried again.
    CompensationFailed,
    /// An operator acted on a parked saga: `retry`, `skip`, `supply` or `abandon`.
    OperatorActed,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::SagaStarted,
        Self::SagaCompleted,
        Self::SagaCompensated,
        Self::SagaCancelled,
        Self::SagaTimedOut,
        Self::SagaFailed,
        Self::SagaStuck,
        Self::Claimed,
        Self::Released,
        Self::StepStarted,
        Self::StepCompleted,
        Self::StepFailed,
        Self::StepInDoubt,
        Self::StepRetryScheduled,
        Self::StepRetriesExhausted,
        Self::StepAbsent,
        Self::VerificationRetryScheduled,
        Self::VerificationFailed,
        Self::CancelRequested,
        Self::DeadlinePassed,
        Self::RequestRefused,
        Self::CompensationStarted,
        Self::StepCompensated,
        Self::CompensationRetryScheduled,
        Self::CompensationFailed,
        Self::OperatorActed,
    ];

    /// As what an entry of a journal is told.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::SagaStarted(_) => Self::SagaStarted,
            Event::Claimed { .. } => Self::Claimed,
            Event::Released { .. } => Self::Released,
            Event::StepStarted { .. } => Self::StepStarted,
            Event::StepCompleted { by: By::Operator { .. }, .. }
            | Event::StepCompensated { by: By::Operator { .. }, .. }
            | Event::Resumed
            | Event::Abandoned { .. } => Self::OperatorActed,
            Event::StepCompleted { .. } => Self::StepCompleted,
            Event::StepFailed { then: Then::Retry { .. }, .. } => Self::StepRetryScheduled,
            Event::StepFailed { failure, .. } => match failure.kind {
                FailureKind::InDoubt => Self::StepInDoubt,
                FailureKind::Transient => Self::StepRetriesExhausted,
                FailureKind::Business | FailureKind::Permanent => Self::StepFailed,
            },
            Event::StepAbsent { .. } => Self::StepAbsent,
            Event::VerifyFailed { then: Then::Retry { .. }, .. } => Self::VerificationRetryScheduled,
            Event::VerifyFailed { .. } => Self::VerificationFailed,
            Event::CancelRequested { .. } => Self::CancelRequested,
            Event::DeadlinePassed { .. } => Self::DeadlinePassed,
            Event::RequestRefused { .. } => Self::RequestRefused,
            Event::CompensationStarted { .. } => Self::CompensationStarted,
            Event::StepCompensated { .. } => Self::StepCompensated,
            Event::CompensationFailed { then: Then::Retry { .. }, .. } => Self::CompensationRetryScheduled,
            Event::CompensationFailed { .. } => Self::CompensationFailed,
            Event::Stuck { .. } => Self::SagaStuck,
            Event::Ended { state, .. } => match state {
                SagaState::Completed => Self::SagaCompleted,
                SagaState::Compensated => Self::SagaCompensated,
                SagaState::Cancelled => Self::SagaCancelled,
                SagaState::TimedOut => Self::SagaTimedOut,
                // The others are no ends: a journal that has one breaks the rules.
                _ => Self::SagaFailed,
            },
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SagaStarted => "saga_started",
            Self::SagaCompleted => "saga_completed",
            Self::SagaCompensated => "saga_compensated",
            Self::SagaCancelled => "saga_cancelled",
            Self::SagaTimedOut => "saga_timed_out",
            Self::SagaFailed => "saga_failed",
            Self::SagaStuck => "saga_stuck",
            Self::Claimed => "claimed",
            Self::Released => "released",
            Self::StepStarted => "step_started",
            Self::StepCompleted => "step_completed",
            Self::StepFailed => "step_failed",
            Self::StepInDoubt => "step_in_doubt",
            Self::StepRetryScheduled => "step_retry_scheduled",
            Self::StepRetriesExhausted => "step_retries_exhausted",
            Self::StepAbsent => "step_absent",
            Self::VerificationRetryScheduled => "verification_retry_scheduled",
            Self::VerificationFailed => "verification_failed",
            Self::CancelRequested => "cancel_requested",
            Self::DeadlinePassed => "deadline_passed",
            Self::RequestRefused => "request_refused",
            Self::CompensationStarted => "compensation_started",
            Self::StepCompensated => "step_compensated",
            Self::CompensationRetryScheduled => "compensation_retry_scheduled",
            Self::CompensationFailed => "compensation_failed",
            Self::OperatorActed => "operator_acted",
        }
    }

    /// Whether it tells that a saga ended, however.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::SagaCompleted | Self::SagaFailed) || self.is_compensation_completed()
    }

    /// Whether it tells that a saga is wholly undone.
    #[must_use]
    pub const fn is_compensation_completed(self) -> bool {
        matches!(self, Self::SagaCompensated | Self::SagaCancelled | Self::SagaTimedOut)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no type of event.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no type of event; they are listed in docs/events.md")]
pub struct ParseEventTypeError(String);

impl FromStr for EventType {
    type Err = ParseEventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| ParseEventTypeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_serde_writes_and_what_is_parsed() {
        for known in EventType::ALL {
            assert_eq!(serde_json::to_string(&known).unwrap(), format!("\"{known}\""));
            assert_eq!(known.as_str().parse::<EventType>().unwrap(), known);
        }
        assert!("nonsense".parse::<EventType>().is_err());
    }
}
