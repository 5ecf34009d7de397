//! JSON, as the library writes it where no codec is set.

use saga::{DecodeFn, PayloadCodec};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// JSON, to be wrapped by another codec. A coordinator without a codec of yours writes JSON anyway.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Json;

impl Json {
    /// The codec.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl PayloadCodec for Json {
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
