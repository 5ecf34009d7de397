//! Stable codes of all errors that an operator sees. `docs/errors.md` says of each what happened, why, and what to do.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal,)+) => {
        /// The stable code of an error that an operator sees.
        ///
        /// Messages may get better words; a code stays. Each is explained in `docs/errors.md`.
        ///
        /// ```
        /// use saga::{ErrorCode, StoreError};
        ///
        /// let error = StoreError::unusable("no such file");
        /// assert_eq!(error.code(), ErrorCode::StoreUnusable);
        /// assert_eq!(error.code().as_str(), "SAGA_STORE_UNUSABLE");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])+ $name,)+
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

codes! {
    /// The store is out of reach, busy or full.
    StoreUnavailable = "SAGA_STORE_UNAVAILABLE",
    /// Another process has the store open.
    StoreInUse = "SAGA_STORE_IN_USE",
    /// A wrong setting, a missing table, a schema of another version.
    StoreUnusable = "SAGA_STORE_UNUSABLE",
    /// What is stored cannot be read.
    StoreBroken = "SAGA_STORE_BROKEN",

    /// Two sagas of a coordinator have one name.
    DuplicateSaga = "SAGA_DUPLICATE_NAME",
    /// A saga has no steps, or too many.
    DefinitionStepCount = "SAGA_DEFINITION_STEP_COUNT",
    /// An attempt of a step may take longer than its saga.
    DefinitionStepOutlivesSaga = "SAGA_DEFINITION_STEP_OUTLIVES_SAGA",
    /// The flow of a saga doesn't fit together.
    DefinitionFlow = "SAGA_DEFINITION_FLOW",
    /// A limit under which nothing could ever run.
    ZeroLimit = "SAGA_ZERO_LIMIT",
    /// Two publishers of a coordinator have one name.
    DuplicatePublisher = "SAGA_DUPLICATE_PUBLISHER",
    /// A name that no publisher can have.
    PublisherName = "SAGA_PUBLISHER_NAME",
    /// The store keeps no cursors of publishers.
    NoCursors = "SAGA_NO_CURSORS",

    /// No place among the concurrent sagas became free in time.
    StartAcquireTimeout = "SAGA_START_ACQUIRE_TIMEOUT",
    /// The coordinator doesn't know the saga.
    StartNotRegistered = "SAGA_START_NOT_REGISTERED",
    /// The coordinator takes up no more sagas.
    StartShuttingDown = "SAGA_START_SHUTTING_DOWN",
    /// The key of an idempotent start belongs to another input.
    StartKeyConflict = "SAGA_START_KEY_CONFLICT",
    /// The store didn't say whether a saga is recorded.
    StartNotRecorded = "SAGA_START_NOT_RECORDED",

    /// A value cannot be encoded.
    PayloadEncode = "SAGA_PAYLOAD_ENCODE",
    /// Stored bytes cannot be decoded.
    PayloadDecode = "SAGA_PAYLOAD_DECODE",
    /// A payload is longer than the limit.
    PayloadTooLarge = "SAGA_PAYLOAD_TOO_LARGE",

    /// There is no such saga.
    NotFound = "SAGA_NOT_FOUND",
    /// The saga is of another definition than was asked for.
    OtherSaga = "SAGA_OTHER_DEFINITION",
    /// The saga has ended: nothing can be asked of it.
    Ended = "SAGA_ENDED",
    /// Only a parked saga can be operated on.
    NotStuck = "SAGA_NOT_STUCK",
    /// The saga has no such step.
    UnknownStep = "SAGA_UNKNOWN_STEP",

    /// Parked: an undo has used up its retries.
    StuckUndoFailed = "SAGA_STUCK_UNDO_FAILED",
    /// Parked: a step past the pivot has used up its retries.
    StuckStepFailed = "SAGA_STUCK_STEP_FAILED",
    /// Parked: nobody knows whether the pivot took effect.
    StuckPivotInDoubt = "SAGA_STUCK_PIVOT_IN_DOUBT",
    /// Parked: its workers died again and again.
    StuckCrashLoop = "SAGA_STUCK_CRASH_LOOP",
    /// Parked: no such definition is registered.
    StuckUnknownDefinition = "SAGA_STUCK_UNKNOWN_DEFINITION",
    /// Parked: another version of the definition is registered.
    StuckVersionChanged = "SAGA_STUCK_VERSION_CHANGED",
    /// Parked: the definition has another shape.
    StuckShapeChanged = "SAGA_STUCK_SHAPE_CHANGED",
    /// Parked: its payloads were written by another codec.
    StuckCodecChanged = "SAGA_STUCK_CODEC_CHANGED",
    /// Parked: a payload or an event cannot be decoded.
    StuckUndecodable = "SAGA_STUCK_UNDECODABLE",
    /// Parked: the journal holds an event that doesn't fit.
    StuckIllegalJournal = "SAGA_STUCK_ILLEGAL_JOURNAL",

    /// An event doesn't fit the journal before it.
    IllegalEvent = "SAGA_ILLEGAL_EVENT",
    /// An event was written by a later version.
    EventVersion = "SAGA_EVENT_VERSION",
    /// An event cannot be read.
    EventSyntax = "SAGA_EVENT_SYNTAX",

    /// An attempt of a step gave no answer in time.
    StepTimeout = "SAGA_STEP_TIMEOUT",
    /// An attempt of a step panicked.
    StepPanicked = "SAGA_STEP_PANICKED",
    /// A step took effect, and its output cannot be recorded.
    OutputUnrecordable = "SAGA_OUTPUT_UNRECORDABLE",
    /// A rule of the library's own is broken.
    BrokenRule = "SAGA_BROKEN_RULE",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_errors_share_a_code() {
        let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(codes.iter().all(|code| code.starts_with("SAGA_")));
    }
}
