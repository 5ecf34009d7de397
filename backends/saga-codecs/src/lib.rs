//! How inputs and outputs are recorded, where JSON is not what you want.
//!
//! - [`MessagePack`]: shorter than JSON, and read faster.
//! - [`Encrypted`]: around any codec, so that whoever reads the store, its backups or its events reads no payload.
//! - [`Json`]: the default, to be wrapped.
//!
//! ```
//! use saga::{Coordinator, MemoryStore};
//! use saga_codecs::{Encrypted, Key, Keyring, MessagePack};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (this_year, last_year) = ([7_u8; 32], [5_u8; 32]);
//! // The first key encrypts; all of them decrypt.
//! let keys = Keyring::new(Key::new("2026", this_year)?).and_old(Key::new("2025", last_year)?)?;
//! let coordinator =
//!     Coordinator::builder(MemoryStore::new()).codec(Encrypted::new(MessagePack::new(), keys)).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The codec's name is stored with each saga. One that was started under another codec is parked, not guessed at: before
//! you change codecs, let the sagas end that run, or give the changed saga another name.

#[cfg(feature = "encryption")]
mod encrypted;
mod error;
mod json;
#[cfg(feature = "encryption")]
mod keyring;
#[cfg(feature = "messagepack")]
mod messagepack;

#[cfg(feature = "encryption")]
pub use encrypted::Encrypted;
pub use error::CodecError;
pub use json::Json;
#[cfg(feature = "encryption")]
pub use keyring::{Key, Keyring};
#[cfg(feature = "messagepack")]
pub use messagepack::MessagePack;
