//! Publishes the events of sagas to NATS `JetStream`.
//!
//! Each event goes to the subject `{prefix}.{definition}.{type}`, `saga.events.order-processing.step_completed` say, with
//! its id as `Nats-Msg-Id`: within the stream's window of duplicates (two minutes unless you set another) the server
//! drops what comes twice. An event counts as taken once the stream has acknowledged it.
//!
//! ```no_run
//! use saga::{Coordinator, EventFilter, MemoryStore};
//! use saga_nats::NatsPublisher;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let nats = NatsPublisher::connect("nats://127.0.0.1:4222").await?.with_stream("sagas").await?;
//! let coordinator =
//!     Coordinator::builder(MemoryStore::new()).publish("nats", nats, EventFilter::all()).build().await?;
//! # Ok(())
//! # }
//! ```

mod publisher;
mod subject;

pub use publisher::{NatsError, NatsPublisher};
