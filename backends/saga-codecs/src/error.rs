//! What a codec answers when it can't.

/// A payload that cannot be encoded or decoded, or a key that cannot be used. It never quotes a payload or a key.
///
/// A saga whose payload cannot be decoded is parked, with this text in its reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The key that a payload was encrypted with is not in the ring.
    #[error("[{}] encrypted with the key `{id}`, which is not in the ring (it has {known}): add it with `and_old`, then `retry`", self.code())]
    UnknownKey {
        /// The key's id.
        id: String,
        /// Those in the ring.
        known: String,
    },
    /// The payload was changed, or its key is another one of that id.
    #[error("[{}] it does not decrypt with the key `{id}`: either that is another key under the same id, or the bytes were changed; put the right key in the ring and `retry`, or restore the payload from a backup", self.code())]
    Refused {
        /// The key's id.
        id: String,
    },
    /// The bytes are not those of an encrypted payload.
    #[error("[{}] the {length} bytes are not an encrypted payload: they were cut off, or written by another codec", self.code())]
    NotEncrypted {
        /// How many bytes there are.
        length: usize,
    },
    /// What was decrypted is no such value. What it is instead is not told: the words of the inner codec quote it.
    #[error("[{}] it decrypts, but the inner codec {inner} cannot read it as this type: the type changed, see the deploys since; `Encrypted::with_inner_errors` tells more, and may quote the payload{told}", self.code())]
    Inner {
        /// The inner codec's name.
        inner: String,
        /// What it said, if that was asked for.
        told: String,
    },
    /// The value cannot be encoded by the inner codec. Why is not told: its words may quote the value.
    #[error("[{}] the inner codec {inner} cannot encode it; `Encrypted::with_inner_errors` tells more, and may quote the value{told}", self.code())]
    InnerEncode {
        /// The inner codec's name.
        inner: String,
        /// What it said, if that was asked for.
        told: String,
    },
    /// The operating system gave no random numbers.
    #[error("[{}] the operating system gives no random numbers: {reason}", self.code())]
    NoRandomness {
        /// What it said.
        reason: String,
    },
    /// A key that cannot be used.
    #[error("[{}] the key `{id}` cannot be used: {problem}", self.code())]
    BadKey {
        /// The key's id.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Bytes that follow a whole payload.
    #[error("[{}] {count} bytes follow the payload: it was written by another codec, or damaged", self.code())]
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

impl CodecError {
    /// All codes.
    pub const CODES: &'static [&'static str] = &[
        "SAGA_CODEC_UNKNOWN_KEY",
        "SAGA_CODEC_REFUSED",
        "SAGA_CODEC_NOT_ENCRYPTED",
        "SAGA_CODEC_INNER",
        "SAGA_CODEC_NO_RANDOMNESS",
        "SAGA_CODEC_BAD_KEY",
        "SAGA_CODEC_TRAILING_BYTES",
    ];

    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => Self::CODES[0],
            Self::Refused { .. } => Self::CODES[1],
            Self::NotEncrypted { .. } => Self::CODES[2],
            Self::Inner { .. } | Self::InnerEncode { .. } => Self::CODES[3],
            Self::NoRandomness { .. } => Self::CODES[4],
            Self::BadKey { .. } => Self::CODES[5],
            Self::TrailingBytes { .. } => Self::CODES[6],
        }
    }
}
