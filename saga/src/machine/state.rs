//! Where a saga stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

use super::{NotUndone, StuckReason};
use crate::policy::UndoPlan;
use crate::{Cause, Definition, StepFailure, StepKind, Timestamp};

/// How a saga stands, as users see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SagaState {
    /// Recorded; waits for its start time or a free slot.
    Pending,
    /// Going forward.
    Running,
    /// Going back.
    Compensating,
    /// Ended: every step is done.
    Completed,
    /// Ended: a step failed, and everything is undone.
    Compensated,
    /// Ended: somebody cancelled it, and everything is undone.
    Cancelled,
    /// Ended: its deadline passed, and everything is undone.
    TimedOut,
    /// Ended with something not undone.
    Failed,
    /// Parked for an operator.
    Stuck,
}

impl SagaState {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Running,
        Self::Compensating,
        Self::Completed,
        Self::Compensated,
        Self::Cancelled,
        Self::TimedOut,
        Self::Failed,
        Self::Stuck,
    ];

    /// Whether nothing happens to such a saga any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated | Self::Cancelled | Self::TimedOut | Self::Failed)
    }

    /// Its stable name, snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for SagaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no saga state.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no saga state")]
pub struct ParseStateError(String);

impl FromStr for SagaState {
    type Err = ParseStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| ParseStateError(text.to_owned()))
    }
}

/// How one step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepStatus {
    /// Not done, and may be attempted, first or again.
    Waiting,
    /// An attempt of an `at_most_once` step has begun.
    Started,
    /// Attempts are used up, and the last ones are in doubt: to be verified.
    Unverified,
    /// Done.
    Done,
    /// Failed without effect.
    Failed,
    /// Nobody knows whether it took effect, and nobody is left to ask.
    InDoubt,
    /// Undone.
    Undone,
    /// Its undo has used up its retries.
    UndoFailed,
}

/// What is known of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepState {
    /// How it stands.
    pub status: StepStatus,
    /// Whether an attempt may have taken effect without our knowing.
    pub doubt: bool,
    /// Attempts that failed.
    pub attempts: u32,
    /// Attempts to verify that failed.
    pub verify_attempts: u32,
    /// Attempts to undo that failed.
    pub undo_attempts: u32,
    /// When the next attempt may begin.
    pub retry_at: Option<Timestamp>,
    /// The last error, of whatever attempt.
    pub failure: Option<Box<StepFailure>>,
}

impl StepState {
    const NEW: Self = Self {
        status: StepStatus::Waiting,
        doubt: false,
        attempts: 0,
        verify_attempts: 0,
        undo_attempts: 0,
        retry_at: None,
        failure: None,
    };
}

/// Which way a saga goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing recorded yet.
    New,
    Pending,
    Moving,
    Stuck(Box<StuckReason>),
    Abandoned,
    Ended(SagaState),
}

/// Why a saga going forward is to turn back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    StepFailed(usize),
    Cancelled(Box<str>),
    TimedOut,
}

/// Where a saga stands: a fold of its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(super) phase: Phase,
    pub(super) direction: Direction,
    pub(super) steps: SmallVec<[StepState; 4]>,
    /// The definition's point of no return, which is asked for at each decision.
    pub(super) pivot: Option<usize>,
    /// The stage under way, going forward.
    pub(super) stage: usize,
    pub(super) start_at: Timestamp,
    pub(super) deadline: Option<Timestamp>,
    pub(super) turn: Option<Turn>,
    pub(super) back: Option<Box<(Cause, UndoPlan)>>,
    /// Whether the last owner gave it back in order, so that no attempt was under way.
    pub(super) is_released: bool,
    /// Claims since the last progress.
    pub(super) fruitless_claims: u32,
    /// What an ended saga left behind.
    pub(super) not_undone: Vec<NotUndone>,
}

impl State {
    /// The state before the first event.
    #[must_use]
    pub fn new(definition: &Definition) -> Self {
        Self {
            phase: Phase::New,
            direction: Direction::Forward,
            steps: smallvec![StepState::NEW; definition.steps.len()],
            pivot: definition.pivot(),
            stage: 0,
            start_at: Timestamp::from_micros(0),
            deadline: None,
            turn: None,
            back: None,
            is_released: false,
            fruitless_claims: 0,
            not_undone: Vec::new(),
        }
    }

    /// The state of a saga that may begin at once and keeps no journal.
    #[must_use]
    pub(crate) fn in_memory(definition: &Definition, deadline: Option<Timestamp>) -> Self {
        Self { phase: Phase::Moving, deadline, ..Self::new(definition) }
    }

    /// How the saga stands, as users see it.
    #[must_use]
    pub const fn saga_state(&self) -> SagaState {
        match (&self.phase, self.direction) {
            (Phase::New | Phase::Pending, _) => SagaState::Pending,
            (Phase::Moving | Phase::Abandoned, Direction::Forward) => SagaState::Running,
            (Phase::Moving | Phase::Abandoned, Direction::Backward) => SagaState::Compensating,
            (Phase::Stuck(_), _) => SagaState::Stuck,
            (Phase::Ended(state), _) => *state,
        }
    }

    /// What is known of each step.
    #[must_use]
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// Why it turned back.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.back.as_deref().map(|(cause, _)| cause)
    }

    /// Its way back.
    #[must_use]
    pub fn undo_plan(&self) -> Option<&UndoPlan> {
        self.back.as_deref().map(|(_, plan)| plan)
    }

    /// What it left behind when it ended.
    #[must_use]
    pub fn not_undone(&self) -> &[NotUndone] {
        &self.not_undone
    }

    /// When it must have gone past the point of no return, or be undone.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Why it is parked.
    #[must_use]
    pub const fn stuck_reason(&self) -> Option<&StuckReason> {
        match &self.phase {
            Phase::Stuck(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether the point of no return is behind it.
    #[must_use]
    pub fn is_past_pivot(&self) -> bool {
        self.pivot.is_some_and(|pivot| self.steps[pivot].status == StepStatus::Done)
    }

    /// Whether `step` has an effect that its compensation can and must undo: it is done, or in doubt with a
    /// compensation that doesn't take its output.
    pub(super) fn needs_undo(&self, definition: &Definition, step: usize) -> bool {
        let (state, known) = (&self.steps[step], &definition.steps[step]);
        known.kind == StepKind::Compensatable
            && (state.status == StepStatus::Done || (state.doubt && !known.undo_takes_output))
    }
}
