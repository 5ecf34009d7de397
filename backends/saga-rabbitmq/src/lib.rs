//! Publishes the events of sagas to RabbitMQ.
//!
//! Each event goes to a topic exchange with the routing key `{definition}.{type}`, `order-processing.step_completed` say,
//! as a persistent message with the event's id as its message id. It counts as taken once RabbitMQ has confirmed it: that
//! is, once each durable queue that it was routed to has it on disk. RabbitMQ drops no duplicates: a reader knows them by
//! the message id.
//!
//! Bind a queue before you publish. What no queue is bound for is put off until one is; [`Unroutable`] names the other
//! ways.
//!
//! ```no_run
//! use saga::{Coordinator, EventFilter, MemoryStore};
//! use saga_rabbitmq::RabbitMqPublisher;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rabbit = RabbitMqPublisher::connect("amqp://127.0.0.1:5672").await?.with_exchange("sagas").await?;
//! let coordinator =
//!     Coordinator::builder(MemoryStore::new()).publish("rabbit", rabbit, EventFilter::all()).build().await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod key;
mod link;
mod publisher;

pub use publisher::{RabbitMqError, RabbitMqPublisher, Unroutable};
