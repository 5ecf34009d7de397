//! How a saga ended, or why it is parked.

use std::fmt;

use crate::machine::{NotUndone, SagaState, State, StuckReason};
use crate::{Cause, StepFailure, Timestamp};

/// How a saga ended, or why it is parked.
///
/// `Compensated`, `Cancelled` and `TimedOut` say that everything is undone; where that is not so, or not known,
/// it is `Failed`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<T> {
    /// Every step is done: the output of the last stage, a tuple where that is parallel.
    Completed(T),
    /// This failed, and everything is undone.
    Compensated(StepFailure),
    /// Somebody cancelled it, and everything is undone.
    Cancelled(Cancelled),
    /// Its deadline passed, and everything is undone.
    TimedOut(TimedOut),
    /// Something is not undone.
    Failed(Failed),
    /// Parked for an operator; `retry`, `skip`, `supply` or `abandon` moves it.
    Stuck(StuckReason),
}

/// A cancel that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancelled {
    /// Why, in the words of who asked for it.
    pub reason: String,
}

/// A deadline that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimedOut {
    /// The deadline.
    pub deadline: Option<Timestamp>,
}

/// An end with something not undone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// Why the saga turned back; `None` for one that never did, and was given up by an operator.
    pub cause: Option<Cause>,
    /// Each step that is not undone, and why.
    pub not_undone: Vec<NotUndone>,
}

impl<T> Outcome<T> {
    /// The state that it ended in, or `Stuck`.
    #[must_use]
    pub const fn state(&self) -> SagaState {
        match self {
            Self::Completed(_) => SagaState::Completed,
            Self::Compensated(_) => SagaState::Compensated,
            Self::Cancelled(_) => SagaState::Cancelled,
            Self::TimedOut(_) => SagaState::TimedOut,
            Self::Failed(_) => SagaState::Failed,
            Self::Stuck(_) => SagaState::Stuck,
        }
    }

    /// The output, if the saga completed.
    #[must_use]
    pub fn completed(self) -> Option<T> {
        match self {
            Self::Completed(output) => Some(output),
            _ => None,
        }
    }

    /// The same outcome with another output.
    #[must_use]
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Completed(output) => Outcome::Completed(map(output)),
            Self::Compensated(failure) => Outcome::Compensated(failure),
            Self::Cancelled(cancelled) => Outcome::Cancelled(cancelled),
            Self::TimedOut(timed_out) => Outcome::TimedOut(timed_out),
            Self::Failed(failed) => Outcome::Failed(failed),
            Self::Stuck(reason) => Outcome::Stuck(reason),
        }
    }
}

impl<T> fmt::Display for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed(_) => f.write_str("completed"),
            Self::Compensated(failure) => write!(f, "compensated: {failure}"),
            Self::Cancelled(cancelled) => write!(f, "cancelled: {}", cancelled.reason),
            Self::TimedOut(TimedOut { deadline: Some(deadline) }) => write!(f, "timed out at {deadline}"),
            Self::TimedOut(_) => f.write_str("timed out"),
            Self::Failed(failed) => failed.fmt(f),
            Self::Stuck(reason) => write!(f, "stuck: {reason}"),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "failed: {cause}; not undone:")?,
            None => f.write_str("failed: given up; not undone:")?,
        }
        for (index, NotUndone { step, reason, .. }) in self.not_undone.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} `{step}` ({reason})")?;
        }
        Ok(())
    }
}

/// The outcome of a saga in this state; `None` for one that goes on. `output` is asked for that of a completed one.
pub(crate) fn outcome<T, E>(
    state: &State,
    output: impl FnOnce() -> Result<T, E>,
) -> Option<Result<Outcome<T>, E>> {
    let failed =
        || Outcome::Failed(Failed { cause: state.cause().cloned(), not_undone: state.not_undone().to_vec() });
    Some(Ok(match (state.saga_state(), state.cause()) {
        (SagaState::Pending | SagaState::Running | SagaState::Compensating, _) => return None,
        (SagaState::Completed, _) => return Some(output().map(Outcome::Completed)),
        (SagaState::Compensated, Some(Cause::StepFailed { failure })) => {
            Outcome::Compensated(failure.clone())
        }
        (SagaState::Cancelled, Some(Cause::Cancelled { reason })) => {
            Outcome::Cancelled(Cancelled { reason: reason.clone() })
        }
        (SagaState::TimedOut, _) => Outcome::TimedOut(TimedOut { deadline: state.deadline() }),
        (SagaState::Stuck, _) => match state.stuck_reason() {
            Some(reason) => Outcome::Stuck(reason.clone()),
            None => failed(),
        },
        (SagaState::Compensated | SagaState::Cancelled | SagaState::Failed, _) => failed(),
    }))
}
