//! What went wrong, as it is recorded and reported: a step's last error, and why a saga turned back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FailureKind, StepError};

/// The last error of a step, as the journal keeps it and a saga's outcome reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepFailure {
    /// The name of the step.
    pub step: String,
    /// What the error says about the step's effect.
    pub kind: FailureKind,
    /// The Rust type of the error, as the step returned it.
    pub error_type: String,
    /// The code that callers match on; business errors have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error and what caused it, in one line.
    pub message: String,
    /// How many attempts were made.
    pub attempts: u32,
}

impl StepFailure {
    /// The record of `error`, which ended attempt number `attempts` of `step`.
    #[must_use]
    pub fn new(step: &str, error: &StepError, attempts: u32) -> Self {
        Self {
            step: step.to_owned(),
            kind: error.kind(),
            error_type: error.type_name().to_owned(),
            code: error.code().map(str::to_owned),
            message: error.message(),
            attempts,
        }
    }
}

/// `` `charge` failed in attempt 2 (business CARD_DECLINED): card declined: no funds ``
impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, kind, code, message, attempts, .. } = self;
        let code = code.as_deref().unwrap_or_default();
        let gap = if code.is_empty() { "" } else { " " };
        write!(f, "`{step}` failed in attempt {attempts} ({kind}{gap}{code}): {message}")
    }
}

/// Why a saga turned back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A step failed.
    StepFailed {
        /// Its last error.
        failure: StepFailure,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Why, in their words.
        reason: String,
    },
    /// Its deadline passed.
    TimedOut,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepFailed { failure } => failure.fmt(f),
            Self::Cancelled { reason } => write!(f, "cancelled: {reason}"),
            Self::TimedOut => f.write_str("the saga's deadline passed"),
        }
    }
}
