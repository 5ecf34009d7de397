//! How an input or an output becomes a payload and comes back.

use std::fmt::{self, Debug};
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Codec, Payload, PayloadError};

/// The way of a `T` into the journal and back, as a constant: whoever has one needs no bound on `T`.
#[derive(Debug)]
#[doc(hidden)]
pub struct Record<T> {
    encode: fn(&Codec, &T) -> Result<Payload, PayloadError>,
    decode: fn(&Codec, &Payload) -> Result<T, PayloadError>,
}

impl<T: Serialize + DeserializeOwned> Record<T> {
    /// By serde and the coordinator's codec.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a constant is what is wanted")]
    pub const fn new() -> Self {
        Self { encode: Codec::encode::<T>, decode: Codec::decode::<T> }
    }
}

impl<T> Record<T> {
    /// Of a type that has a mistake: it is never used.
    #[must_use]
    pub const fn unsound() -> Self {
        Self {
            encode: |_, _| unreachable!("this step does not compile"),
            decode: |_, _| unreachable!("this step does not compile"),
        }
    }

    pub(crate) fn encode(&self, codec: &Codec, value: &T) -> Result<Payload, PayloadError> {
        (self.encode)(codec, value)
    }

    pub(crate) fn decode(&self, codec: &Codec, payload: &Payload) -> Result<T, PayloadError> {
        (self.decode)(codec, payload)
    }

    /// Puts a recorded output in its slot.
    pub fn restore(&self, slot: &OnceLock<T>, payload: &Payload, codec: &Codec) -> Result<(), PayloadError> {
        // Taken already where an operator's output is read after the step's own: the slots are new otherwise.
        _ = slot.set(self.decode(codec, payload)?);
        Ok(())
    }
}

/// An output as a saga's outputs show it: in full where it is `Debug`, which nobody demands of it.
#[doc(hidden)]
pub struct Shown<'a, T>(&'a Option<T>);

impl<'a, T> Shown<'a, T> {
    /// Of this output.
    pub fn of(output: &'a Option<T>) -> Self {
        Self(output)
    }
}

impl<T: Debug> Shown<'_, T> {
    /// The output.
    #[must_use]
    pub fn show(&self) -> &dyn Debug {
        self.0
    }
}

/// What is shown of an output that is not `Debug`: a method of a trait is looked for where the type's own, of the same
/// name, has a bound that doesn't hold.
#[doc(hidden)]
pub trait Unshown {
    /// Whether it is there.
    fn show(&self) -> &dyn Debug;
}

impl<T> Unshown for Shown<'_, T> {
    fn show(&self) -> &dyn Debug {
        if self.0.is_some() { &Hidden("Some(..)") } else { &Hidden("None") }
    }
}

struct Hidden(&'static str);

impl Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
