//! Why a saga is parked, and what an ended one left behind.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Fingerprint, StepFailure};

/// A step that took effect, or may have, and is not undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotUndone {
    /// The name of the step.
    pub step: String,
    /// Why it is not undone.
    pub reason: String,
}

impl NotUndone {
    pub(crate) fn new(step: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { step: step.into(), reason: reason.into() }
    }
}

/// Why a saga is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StuckReason {
    /// An undo has used up its retries.
    #[error("the undo of {failure}; `retry` it, or undo it by hand and `skip` it")]
    UndoFailed {
        /// Its last error.
        failure: StepFailure,
    },
    /// A step past the pivot has used up its retries.
    #[error("past the pivot, {failure}; `retry` it, or do it by hand and `supply` its output")]
    StepFailed {
        /// Its last error.
        failure: StepFailure,
    },
    /// Nobody knows whether the pivot took effect.
    #[error(
        "nobody knows whether the pivot `{step}` took effect; find out, then `supply` its output or `skip` it"
    )]
    PivotInDoubt {
        /// The pivot.
        step: String,
    },
    /// Its workers died again and again, without any progress.
    #[error("{claims} workers in a row lost it without any progress; `retry` it once the cause is found")]
    CrashLoop {
        /// How many workers.
        claims: u32,
    },
    /// No such definition is registered.
    #[error("no definition `{definition}` is registered; register it, then `retry`")]
    UnknownDefinition {
        /// Its name.
        definition: String,
    },
    /// Another version of the definition is registered.
    #[error("recorded under version {recorded} of `{definition}`, registered is {registered}")]
    VersionChanged {
        /// The definition's name.
        definition: String,
        /// The version that the saga was started with.
        recorded: u32,
        /// The version that is registered.
        registered: u32,
    },
    /// The definition has another shape under the same version.
    #[error(
        "the steps or the flow of `{definition}` changed (fingerprint {recorded}, now {registered}) under one version"
    )]
    ShapeChanged {
        /// The definition's name.
        definition: String,
        /// The shape that the saga was started with.
        recorded: Fingerprint,
        /// The shape that is registered.
        registered: Fingerprint,
    },
    /// Its payloads were written by another codec.
    #[error("its payloads were written with the codec `{recorded}`, configured is `{configured}`")]
    CodecChanged {
        /// The codec that the saga was started with.
        recorded: String,
        /// The codec that is configured.
        configured: String,
    },
    /// A payload or an event cannot be decoded.
    #[error("{what} cannot be decoded: {message}")]
    Undecodable {
        /// The input, or the output of which step.
        what: String,
        /// What the codec said.
        message: String,
    },
    /// The journal holds an event that doesn't fit.
    #[error("the journal breaks the rules: {message}")]
    IllegalJournal {
        /// Which event, and why not.
        message: String,
    },
}

impl StuckReason {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UndoFailed { .. } => ErrorCode::StuckUndoFailed,
            Self::StepFailed { .. } => ErrorCode::StuckStepFailed,
            Self::PivotInDoubt { .. } => ErrorCode::StuckPivotInDoubt,
            Self::CrashLoop { .. } => ErrorCode::StuckCrashLoop,
            Self::UnknownDefinition { .. } => ErrorCode::StuckUnknownDefinition,
            Self::VersionChanged { .. } => ErrorCode::StuckVersionChanged,
            Self::ShapeChanged { .. } => ErrorCode::StuckShapeChanged,
            Self::CodecChanged { .. } => ErrorCode::StuckCodecChanged,
            Self::Undecodable { .. } => ErrorCode::StuckUndecodable,
            Self::IllegalJournal { .. } => ErrorCode::StuckIllegalJournal,
        }
    }
}
