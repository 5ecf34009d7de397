//! MessagePack, by `rmp-serde`.

use std::io::Cursor;

use saga::{DecodeFn, PayloadCodec};

use crate::CodecError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Payloads as MessagePack. Fields keep their names, so that a type may gain a field with a default and lose one, as with
/// JSON.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MessagePack;

impl MessagePack {
    /// The codec.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl PayloadCodec for MessagePack {
    fn name(&self) -> &'static str {
        "messagepack"
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
        Ok(rmp_serde::to_vec_named(value)?)
    }

    fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError> {
        let mut pack = rmp_serde::Deserializer::new(Cursor::new(bytes));
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut pack))?;
        let end = usize::try_from(pack.position()).unwrap_or(usize::MAX);
        match bytes.len().saturating_sub(end) {
            0 => Ok(()),
            count => Err(CodecError::TrailingBytes { count }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use saga::Codec;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_shorter_than_json() {
        let value: BTreeMap<String, (u64, Option<f64>, Vec<bool>)> =
            [("one".to_owned(), (7, Some(0.5), vec![true])), ("\u{e9}".to_owned(), (u64::MAX, None, vec![]))]
                .into();
        let codec = Codec::custom(MessagePack::new());
        let payload = codec.encode(&value).unwrap();
        assert_eq!(codec.decode::<BTreeMap<_, _>>(&payload).unwrap(), value);
        assert!(payload.as_bytes().len() < Codec::json().encode(&value).unwrap().as_bytes().len());
    }

    #[test]
    fn what_is_cut_off_or_has_more_behind_it_is_refused() {
        let codec = Codec::custom(MessagePack::new());
        let bytes = codec.encode(&"seven").unwrap().as_bytes().to_vec();
        assert!(codec.decode::<String>(&bytes[..3].into()).is_err());
        let error = codec.decode::<String>(&[bytes, vec![1, 2]].concat().into()).unwrap_err();
        assert!(error.to_string().contains("SAGA_CODEC_TRAILING_BYTES"), "{error}");
    }

    #[test]
    fn a_field_may_come_and_go() {
        #[derive(serde::Serialize)]
        struct Before {
            cents: u64,
            old: bool,
        }
        #[derive(serde::Deserialize)]
        struct After {
            cents: u64,
            #[serde(default)]
            new: u8,
        }
        let codec = Codec::custom(MessagePack::new());
        let payload = codec.encode(&Before { cents: 5, old: true }).unwrap();
        let After { cents, new } = codec.decode(&payload).unwrap();
        assert_eq!((cents, new), (5, 0));
    }
}
