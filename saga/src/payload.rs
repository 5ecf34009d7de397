//! Bytes of inputs and outputs, and the codec that makes them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ErrorCode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An encoded input or output. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(
    /// `None` for no bytes, so that equal bytes are equal payloads.
    Option<Arc<[u8]>>,
);

impl Payload {
    /// No bytes at all: what a saga without a store keeps.
    pub const EMPTY: Self = Self(None);

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self((!bytes.is_empty()).then(|| Arc::from(bytes)))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self((!bytes.is_empty()).then(|| Arc::from(bytes)))
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Shows how long a payload is and never what it says: payloads hold secrets.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.as_bytes().len())
    }
}

/// Why a value could not become a payload, or a payload not a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The value's `Serialize` refused, or the codec did.
    #[error("`{type_name}` cannot be encoded as {codec}: {source}")]
    Encode {
        /// The Rust type.
        type_name: &'static str,
        /// The codec's name.
        codec: String,
        /// What serde or the codec said.
        source: BoxError,
    },
    /// The bytes don't spell such a value.
    #[error("the {length} bytes stored cannot be decoded as `{type_name}` with {codec}: {source}")]
    Decode {
        /// The Rust type.
        type_name: &'static str,
        /// The codec's name.
        codec: String,
        /// How many bytes there were.
        length: usize,
        /// What serde or the codec said.
        source: BoxError,
    },
    /// The payload is longer than the coordinator's limit.
    #[error(
        "`{type_name}` takes {length} bytes, the limit is {limit}: raise `payload_limit` or store a reference"
    )]
    TooLarge {
        /// The Rust type.
        type_name: &'static str,
        /// How many bytes it takes.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl PayloadError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Encode { .. } => ErrorCode::PayloadEncode,
            Self::Decode { .. } => ErrorCode::PayloadDecode,
            Self::TooLarge { .. } => ErrorCode::PayloadTooLarge,
        }
    }
}

/// Turns values into bytes and back; JSON where nothing else is set.
///
/// What `encode` returned, `decode` must read for as long as a saga with it may live; the name is stored with
/// each saga, and a saga of another codec is parked, not guessed at.
///
/// Its methods speak of the crate `erased-serde`, which is [`saga::erased_serde`](crate::erased_serde): an
/// implementation needs no dependency on it.
///
/// One that changes the bytes of another, to encrypt or compress them, calls that one:
///
/// ```
/// use saga::{Codec, DecodeFn, JsonCodec, PayloadCodec, erased_serde};
///
/// type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// /// JSON that nobody reads in passing. It keeps no secret: that takes a cipher here.
/// struct Masked(u8);
///
/// impl PayloadCodec for Masked {
///     fn name(&self) -> &str {
///         "masked-json"
///     }
///
///     fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
///         let json = JsonCodec.encode(value)?;
///         Ok(json.iter().map(|byte| byte ^ self.0).collect())
///     }
///
///     fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError> {
///         let json: Vec<u8> = bytes.iter().map(|byte| byte ^ self.0).collect();
///         JsonCodec.decode(&json, read)
///     }
/// }
///
/// # fn main() -> Result<(), saga::PayloadError> {
/// let codec = Codec::custom(Masked(42)); // `.codec(Masked(42))` on a coordinator's builder
/// let payload = codec.encode(&vec!["tea", "cup"])?;
/// assert_eq!(codec.decode::<Vec<String>>(&payload)?, ["tea", "cup"]);
/// # Ok(())
/// # }
/// ```
///
/// One of another format hands `read` that format's serde deserializer, `&mut <dyn
/// erased_serde::Deserializer>::erase(deserializer)`.
pub trait PayloadCodec: Send + Sync + 'static {
    /// The name stored with each saga.
    fn name(&self) -> &str;

    /// The bytes of `value`.
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError>;

    /// Reads `bytes` by handing `read` a deserializer over them.
    fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError>;

    /// Whether both spell one value, for a start with a key: the same input joins the first saga, another is refused.
    /// A codec that makes other bytes of one value each time has to say; where nothing is said, equal bytes are one
    /// value.
    fn is_same(&self, one: &[u8], other: &[u8]) -> bool {
        one == other
    }
}

/// JSON, as a codec that others build on. A coordinator without a codec of the user's writes the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonCodec;

impl PayloadCodec for JsonCodec {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?)
    }
}

/// What a codec hands its deserializer to.
pub type DecodeFn<'a> =
    dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

/// The codec of a coordinator, with its payload limit.
#[derive(Clone)]
pub struct Codec {
    custom: Option<Arc<dyn PayloadCodec>>,
    limit: usize,
}

impl Codec {
    /// JSON, with the default limit of 1 MiB a payload.
    #[must_use]
    pub const fn json() -> Self {
        Self { custom: None, limit: 1 << 20 }
    }

    /// A codec of the user's.
    #[must_use]
    pub fn custom(codec: impl PayloadCodec) -> Self {
        Self { custom: Some(Arc::new(codec)), limit: 1 << 20 }
    }

    /// At most this many bytes a payload.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The name stored with each saga.
    #[must_use]
    pub fn name(&self) -> &str {
        self.custom.as_ref().map_or("json", |codec| codec.name())
    }

    /// The name, without a copy where it is the library's own.
    pub(crate) fn name_owned(&self) -> Cow<'static, str> {
        self.custom.as_ref().map_or(Cow::Borrowed("json"), |codec| Cow::Owned(codec.name().to_owned()))
    }

    /// The most bytes of a payload.
    #[must_use]
    pub const fn limit_bytes(&self) -> usize {
        self.limit
    }

    /// The payload of `value`.
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Payload, PayloadError> {
        let type_name = std::any::type_name::<T>();
        let failed = |source| PayloadError::Encode { type_name, codec: self.name().to_owned(), source };
        let fits = |length| {
            let too_large = PayloadError::TooLarge { type_name, length, limit: self.limit };
            if length <= self.limit { Ok(()) } else { Err(too_large) }
        };
        if let Some(codec) = &self.custom {
            let bytes = codec.encode(value).map_err(failed)?;
            fits(bytes.len())?;
            return Ok(Payload::from(bytes));
        }
        // One buffer a thread: encoding allocates just the payload itself. A `Serialize` that encodes on its
        // own account finds the buffer taken and gets a new one.
        let mut scratch = SCRATCH.take();
        scratch.clear();
        let written = serde_json::to_writer(&mut scratch, value).map_err(|error| failed(error.into()));
        let payload = written.and_then(|()| fits(scratch.len())).map(|()| Payload::from(scratch.as_slice()));
        if scratch.capacity() <= SCRATCH_KEPT {
            SCRATCH.set(scratch);
        }
        payload
    }

    /// Whether both spell one value.
    #[must_use]
    pub fn is_same(&self, one: &Payload, other: &Payload) -> bool {
        match &self.custom {
            None => one == other,
            Some(codec) => one == other || codec.is_same(one.as_bytes(), other.as_bytes()),
        }
    }

    /// The value that `payload` spells.
    pub fn decode<T: DeserializeOwned>(&self, payload: &Payload) -> Result<T, PayloadError> {
        let bytes = payload.as_bytes();
        let decoded = match &self.custom {
            None => serde_json::from_slice(bytes).map_err(BoxError::from),
            Some(codec) => {
                let mut value = None;
                let read = codec.decode(bytes, &mut |source| {
                    value = Some(erased_serde::deserialize(source)?);
                    Ok(())
                });
                read.and_then(|()| value.ok_or_else(|| "the codec read nothing".into()))
            }
        };
        decoded.map_err(|source| PayloadError::Decode {
            type_name: std::any::type_name::<T>(),
            codec: self.name().to_owned(),
            length: bytes.len(),
            source,
        })
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::json()
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("name", &self.name())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// A larger buffer than this is given back after use, in bytes.
const SCRATCH_KEPT: usize = 1 << 16;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Reversed;

    impl PayloadCodec for Reversed {
        fn name(&self) -> &'static str {
            "reversed"
        }

        fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
            let mut bytes = serde_json::to_vec(value)?;
            bytes.reverse();
            Ok(bytes)
        }

        fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError> {
            let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
            let mut json = serde_json::Deserializer::from_slice(&bytes);
            Ok(read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?)
        }
    }

    #[test]
    fn every_codec_reads_what_it_wrote() {
        for codec in [Codec::json(), Codec::custom(Reversed)] {
            let payload = codec.encode(&vec![1, 2, 3]).unwrap();
            assert_eq!(codec.decode::<Vec<u32>>(&payload).unwrap(), [1, 2, 3]);
            assert!(matches!(codec.decode::<String>(&payload), Err(PayloadError::Decode { .. })));
        }
    }

    #[test]
    fn json_as_a_codec_reads_and_writes_what_the_default_does() {
        let (default, custom) = (Codec::json(), Codec::custom(JsonCodec));
        let payload = default.encode(&("tea", 3)).unwrap();
        assert_eq!(custom.encode(&("tea", 3)).unwrap(), payload);
        assert_eq!(custom.decode::<(String, u8)>(&payload).unwrap(), ("tea".to_owned(), 3));
        assert_eq!(default.name(), custom.name());
        for bytes in ["[1] 2", "[1", ""] {
            let payload = Payload::from(bytes.as_bytes());
            assert!(default.decode::<Vec<u8>>(&payload).is_err(), "{bytes}");
            assert!(custom.decode::<Vec<u8>>(&payload).is_err(), "{bytes}");
        }
    }

    #[test]
    fn payloads_of_the_same_bytes_are_equal() {
        assert_eq!(Payload::from(Vec::new()), Payload::EMPTY);
        assert_eq!(Payload::from(b"".as_slice()), Payload::EMPTY);
        assert_ne!(Payload::from(b"1".as_slice()), Payload::EMPTY);
    }

    #[test]
    fn a_payload_over_the_limit_is_refused() {
        let error = Codec::json().limit(3).encode(&"four").unwrap_err();
        assert!(matches!(error, PayloadError::TooLarge { length: 6, limit: 3, .. }), "{error}");
    }
}
