//! Traces of sagas in OpenTelemetry.
//!
//! The spans of sagas are spans of the crate [`tracing`], and reach OpenTelemetry by the layer of
//! [`tracing_opentelemetry`]. What that cannot know is what this crate adds: the trace of a saga's starter is kept with the
//! saga, so that whichever process drives it goes on with that trace, and the span of an undo links to the span of what it
//! undoes.
//!
//! ```
//! use opentelemetry::trace::TracerProvider as _;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use saga::{Coordinator, MemoryStore};
//! use saga_opentelemetry::OpenTelemetry;
//! use tracing_subscriber::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), saga::BuildError> {
//! // With an exporter; the example `observability` has one.
//! let provider = SdkTracerProvider::builder().build();
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
//! let _subscribed = tracing_subscriber::registry().with(layer).set_default();
//!
//! let coordinator = Coordinator::builder(MemoryStore::new()).trace_context(OpenTelemetry::new()).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The fields of the spans are listed in `docs/traces.md`.

mod context;

pub use context::OpenTelemetry;
