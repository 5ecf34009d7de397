//! Keys, and which of them is used.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};

use crate::CodecError;

/// A key of 32 bytes, with the id that stands before each payload that was encrypted with it. What is kept of it is wiped
/// when it is dropped; the array that it was made of is the caller's to wipe.
#[derive(Clone)]
pub struct Key {
    pub(crate) id: Arc<str>,
    pub(crate) cipher: Arc<XChaCha20Poly1305>,
}

impl Key {
    /// A key. Its id is no secret: 1 to 255 bytes, and never used for another key.
    ///
    /// # Errors
    ///
    /// [`CodecError::BadKey`] where the id is empty or too long, or the bytes are all zero, as those of a key that was
    /// never set are.
    pub fn new(id: impl Into<String>, bytes: [u8; 32]) -> Result<Self, CodecError> {
        let id: String = id.into();
        let problem = if id.is_empty() || id.len() > 255 {
            "its id must have 1 to 255 bytes"
        } else if bytes == [0; 32] {
            "its bytes are all zero"
        } else {
            return Ok(Self { id: id.into(), cipher: Arc::new(XChaCha20Poly1305::new(&bytes.into())) });
        };
        Err(CodecError::BadKey { id, problem: problem.to_owned() })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Shows the id alone.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The key that encrypts, and those that still decrypt.
///
/// Keys are rotated in three deploys, so that no process meets a payload whose key it doesn't have: first the new key is
/// added to all with [`and_old`](Self::and_old); then it becomes the first, and the one before an old one; then, once no
/// saga is left that was started under the old one, that is taken out.
#[derive(Debug, Clone)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl Keyring {
    /// A ring of one key, which encrypts and decrypts.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// Also this key, which decrypts only.
    ///
    /// # Errors
    ///
    /// [`CodecError::BadKey`] where a key of this id is in the ring.
    pub fn and_old(mut self, key: Key) -> Result<Self, CodecError> {
        if self.get(key.id()).is_some() {
            let problem = "there is a key of this id in the ring".to_owned();
            return Err(CodecError::BadKey { id: key.id().to_owned(), problem });
        }
        self.keys.push(key);
        Ok(self)
    }

    /// The key that encrypts.
    pub(crate) fn current(&self) -> &Key {
        &self.keys[0]
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Their ids, for people.
    pub(crate) fn known(&self) -> String {
        let ids: Vec<String> = self.keys.iter().map(|key| format!("`{}`", key.id())).collect();
        ids.join(", ")
    }
}
