//! Encryption around another codec: `XChaCha20-Poly1305`, by `chacha20poly1305`.

use std::fmt;

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead as _, Generate as _, Payload as Sealed};
use saga::{DecodeFn, PayloadCodec};

use crate::{CodecError, Keyring};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Encrypts what another codec writes: whoever reads the store, its backups or the published events reads no payload, and
/// a payload that somebody changed is refused.
///
/// A payload is: a byte for the format, the length of the key's id and the id, a random nonce of 24 bytes, the
/// ciphertext with its tag. The first three are authenticated with it. What a codec is not told cannot be: a payload is
/// not bound to its saga or its step, so somebody who can write to the store can put one payload in the place of another
/// that was encrypted with a key of the ring.
///
/// Errors of the inner codec are kept to itself, since they quote what they could not read. Labels, keys of starts, error
/// messages of your steps and notes of operators are no payloads: they are stored as they are.
pub struct Encrypted<C> {
    inner: C,
    keys: Keyring,
    name: String,
    tells_inner_errors: bool,
}

/// The format, which the first byte tells.
const FORMAT: u8 = 1;

const NONCE_LENGTH: usize = 24;

impl<C: PayloadCodec> Encrypted<C> {
    /// Encrypts what `inner` writes with the first key of the ring.
    #[must_use]
    pub fn new(inner: C, keys: Keyring) -> Self {
        let name = format!("encrypted+{}", inner.name());
        Self { inner, keys, name, tells_inner_errors: false }
    }

    /// Passes errors of the inner codec on. They may quote decrypted payloads, and are logged and stored: to be used for
    /// finding a mistake, and not in production.
    #[must_use]
    pub fn with_inner_errors(mut self) -> Self {
        self.tells_inner_errors = true;
        self
    }

    fn told(&self, error: &BoxError) -> String {
        if self.tells_inner_errors { format!(": {error}") } else { String::new() }
    }

    fn decrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        let refused = || CodecError::NotEncrypted { length: bytes.len() };
        let [FORMAT, id_length, rest @ ..] = bytes else { return Err(refused()) };
        let (id, rest) = rest.split_at_checked(usize::from(*id_length)).ok_or_else(refused)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(refused)?;
        let id = std::str::from_utf8(id).map_err(|_| refused())?;
        let unknown = || CodecError::UnknownKey { id: id.to_owned(), known: self.keys.known() };
        let key = self.keys.get(id).ok_or_else(unknown)?;
        let sealed = Sealed { msg: sealed, aad: &bytes[..2 + id.len()] };
        key.cipher
            .decrypt(&XNonce::from(*nonce), sealed)
            .map_err(|_| CodecError::Refused { id: id.to_owned() })
    }
}

impl<C: PayloadCodec> PayloadCodec for Encrypted<C> {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
        let plain = self.inner.encode(value).map_err(|error| CodecError::InnerEncode {
            inner: self.inner.name().to_owned(),
            told: self.told(&error),
        })?;
        let key = self.keys.current();
        let nonce =
            XNonce::try_generate().map_err(|error| CodecError::NoRandomness { reason: error.to_string() })?;
        let id = key.id().as_bytes();
        let mut bytes = Vec::with_capacity(2 + id.len() + NONCE_LENGTH + plain.len() + 16);
        // A key's id has at most 255 bytes.
        bytes.extend([FORMAT, u8::try_from(id.len()).unwrap_or(u8::MAX)]);
        bytes.extend(id);
        let sealed = Sealed { msg: &plain, aad: &bytes };
        let sealed = key
            .cipher
            .encrypt(&nonce, sealed)
            .map_err(|_| CodecError::Refused { id: key.id().to_owned() })?;
        bytes.extend(nonce);
        bytes.extend(sealed);
        Ok(bytes)
    }

    fn decode(&self, bytes: &[u8], read: &mut DecodeFn<'_>) -> Result<(), BoxError> {
        let plain = self.decrypt(bytes)?;
        self.inner.decode(&plain, read).map_err(|error| {
            CodecError::Inner { inner: self.inner.name().to_owned(), told: self.told(&error) }.into()
        })
    }

    /// One value is other bytes each time: what they decrypt to is compared.
    fn is_same(&self, one: &[u8], other: &[u8]) -> bool {
        match (self.decrypt(one), self.decrypt(other)) {
            (Ok(one), Ok(other)) => self.inner.is_same(&one, &other),
            _ => false,
        }
    }
}

/// Shows no key.
impl<C> fmt::Debug for Encrypted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted")
            .field("name", &self.name)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use saga::Codec;

    use super::*;
    use crate::{Json, Key};

    fn key(id: &str, byte: u8) -> Key {
        Key::new(id, [byte; 32]).unwrap()
    }

    fn codec(keys: Keyring) -> Codec {
        Codec::custom(Encrypted::new(Json::new(), keys))
    }

    #[test]
    fn a_payload_is_read_back_and_is_other_bytes_each_time() {
        let codec = codec(Keyring::new(key("k1", 1)));
        let (one, two) = (codec.encode(&"secret").unwrap(), codec.encode(&"secret").unwrap());
        assert_ne!(one, two);
        assert!(codec.is_same(&one, &two) && !codec.is_same(&one, &codec.encode(&"other").unwrap()));
        assert_eq!(codec.decode::<String>(&one).unwrap(), "secret");
        assert!(!one.as_bytes().windows(6).any(|bytes| bytes == b"secret"));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let codec = codec(Keyring::new(key("k1", 1)).and_old(key("k3", 3)).unwrap());
        let bytes = codec.encode(&"secret").unwrap().as_bytes().to_vec();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                assert!(codec.decode::<String>(&changed.into()).is_err(), "byte {index}, bit {bit}");
            }
            assert!(codec.decode::<String>(&bytes[..index].into()).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn after_a_rotation_old_payloads_are_read_and_new_ones_have_the_new_key() {
        let before = codec(Keyring::new(key("k1", 1)));
        let old = before.encode(&"secret").unwrap();
        let rotated = codec(Keyring::new(key("k2", 2)).and_old(key("k1", 1)).unwrap());
        assert_eq!(rotated.decode::<String>(&old).unwrap(), "secret");
        let new = rotated.encode(&"secret").unwrap();
        assert_eq!(&new.as_bytes()[..4], b"\x01\x02k2");
        assert!(rotated.is_same(&old, &new));
        let error = before.decode::<String>(&new).unwrap_err().to_string();
        assert!(
            error.contains("SAGA_CODEC_UNKNOWN_KEY") && error.contains("`k2`") && error.contains("`k1`"),
            "{error}"
        );
    }

    #[test]
    fn another_key_under_the_same_id_is_refused() {
        let payload = codec(Keyring::new(key("k1", 1))).encode(&"secret").unwrap();
        let error = codec(Keyring::new(key("k1", 9))).decode::<String>(&payload).unwrap_err().to_string();
        assert!(error.contains("SAGA_CODEC_REFUSED") && error.contains("retry"), "{error}");
    }

    #[test]
    fn an_error_quotes_the_payload_only_where_that_is_asked_for() {
        let codec = Encrypted::new(Json::new(), Keyring::new(key("k1", 1)));
        let told = Encrypted::new(Json::new(), Keyring::new(key("k1", 1))).with_inner_errors();
        let (codec, told) = (Codec::custom(codec), Codec::custom(told));
        let payload = codec.encode(&"4111-1111").unwrap();
        let quiet = codec.decode::<u64>(&payload).unwrap_err().to_string();
        assert!(quiet.contains("SAGA_CODEC_INNER") && !quiet.contains("4111"), "{quiet}");
        assert!(told.decode::<u64>(&payload).unwrap_err().to_string().contains("4111"));
    }

    #[test]
    fn a_key_that_was_never_set_is_refused_and_none_is_shown() {
        assert!(Key::new("k1", [0; 32]).is_err() && Key::new("", [1; 32]).is_err());
        assert!(Keyring::new(key("k1", 1)).and_old(key("k1", 2)).is_err());
        let shown = format!("{:?}", Encrypted::new(Json::new(), Keyring::new(key("k1", 0xab))));
        assert_eq!(shown, "Encrypted { name: \"encrypted+json\", keys: Keyring { keys: [Key(k1)] }, .. }");
    }
}
