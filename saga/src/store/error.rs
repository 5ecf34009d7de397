//! What a store answers when it can't.

use crate::ErrorCode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store that could not do what it was asked, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Out of reach, busy, full: the same call may go well later. Whether this one took effect is unknown.
    #[error("the store is not available: {source}")]
    Unavailable {
        /// What the driver said.
        source: BoxError,
    },
    /// Opened already, by another process or this one, and only one can have it.
    #[error("{what} is in use already; close it there first, or use a store that processes can share")]
    InUse {
        /// Which store.
        what: String,
    },
    /// A wrong setting, a missing table, a schema of a later version: nothing goes well until somebody mends it.
    #[error("the store cannot be used: {problem}")]
    Unusable {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// What is stored cannot be read, or the store broke its contract.
    #[error("the store is broken: {problem}")]
    Broken {
        /// What was found.
        problem: String,
    },
}

impl StoreError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. } => ErrorCode::StoreUnavailable,
            Self::InUse { .. } => ErrorCode::StoreInUse,
            Self::Unusable { .. } => ErrorCode::StoreUnusable,
            Self::Broken { .. } => ErrorCode::StoreBroken,
        }
    }

    /// Out of reach, busy, or full.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable { source: source.into() }
    }

    /// A wrong setting, with what to do.
    pub fn unusable(problem: impl Into<String>) -> Self {
        Self::Unusable { problem: problem.into() }
    }

    /// Something that cannot be read.
    pub fn broken(problem: impl Into<String>) -> Self {
        Self::Broken { problem: problem.into() }
    }
}
