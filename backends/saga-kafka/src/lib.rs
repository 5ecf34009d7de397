//! Publishes the events of sagas to Kafka.
//!
//! Each event is a record of one topic with its saga's id as the key, so that a saga's events stay in one partition, in
//! order, and with its id in the header `id`. The producer is idempotent and asks all in-sync replicas (`acks=all`): an
//! event counts as taken once they have it. After a crash some events come again: a reader knows them by the header.
//!
//! ```no_run
//! use saga::{Coordinator, EventFilter, MemoryStore};
//! use saga_kafka::KafkaPublisher;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let kafka = KafkaPublisher::new("127.0.0.1:9092", "saga.events")?;
//! let coordinator =
//!     Coordinator::builder(MemoryStore::new()).publish("kafka", kafka, EventFilter::all()).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The driver is librdkafka, which is built with this crate: that needs compilers of C and C++, and `cmake`. It is built
//! without TLS; the feature `ssl` of the crate `rdkafka` adds it.

mod publisher;
mod record;

pub use publisher::{KafkaPublisher, KafkaPublisherError};
pub use rdkafka::ClientConfig;
