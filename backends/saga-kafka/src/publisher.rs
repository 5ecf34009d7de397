//! The publisher.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;
use saga::store::BoxFuture;
use saga::{Delivery, OutgoingEvent, Publisher};

use crate::record::{Answer, send};

/// Publishes events to a topic of Kafka.
pub struct KafkaPublisher {
    config: ClientConfig,
    topic: String,
    /// `None` after something went wrong.
    producer: Mutex<Option<FutureProducer>>,
}

/// A publisher that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaPublisherError {
    /// A setting is none of librdkafka's, or they don't go together.
    #[error("the settings make no producer: {source}")]
    Settings {
        /// What the driver said.
        source: KafkaError,
    },
}

/// After so long without an acknowledgement an event is put off: sooner than a publisher's call ends.
const MESSAGE_TIMEOUT_MS: &str = "20000";

impl KafkaPublisher {
    /// Publishes to the topic of this name at these brokers, `host:port`, separated by commas. It connects as it
    /// publishes. The topic is to be there, or made by the brokers on their own.
    ///
    /// # Errors
    ///
    /// [`KafkaPublisherError::Settings`] where the driver makes no producer of it.
    pub fn new(brokers: &str, topic: impl Into<String>) -> Result<Self, KafkaPublisherError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        Self::with_config(config, topic)
    }

    /// Publishes by settings of yours, those of librdkafka: `bootstrap.servers`, and for TLS and passwords
    /// `security.protocol` and others. `enable.idempotence`, `acks` and `message.timeout.ms` are set here, whatever you say:
    /// what this publisher promises stands on them.
    ///
    /// # Errors
    ///
    /// [`KafkaPublisherError::Settings`] where the driver makes no producer of them.
    pub fn with_config(
        mut config: ClientConfig,
        topic: impl Into<String>,
    ) -> Result<Self, KafkaPublisherError> {
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS);
        let producer = config.create().map_err(|source| KafkaPublisherError::Settings { source })?;
        Ok(Self { config, topic: topic.into(), producer: Mutex::new(Some(producer)) })
    }

    async fn publish_all(&self, batch: &[OutgoingEvent]) -> Vec<Delivery> {
        let producer = match self.take_producer() {
            Ok(producer) => producer,
            Err(error) => return vec![Delivery::later(&error); batch.len()],
        };
        // All at once: the driver puts them together, and no two are of one saga.
        let sending = batch.iter().map(|event| send(&producer, &self.topic, event));
        let mut answers = join_all(sending).await;
        if batch.len() > 1 {
            // The brokers refuse what was put together as one: each goes alone.
            for (event, answer) in batch.iter().zip(&mut answers) {
                if matches!(answer, Answer::Invalid(_)) {
                    *answer = send(&producer, &self.topic, event).await;
                }
            }
        }
        if answers.iter().all(|answer| matches!(answer, Answer::Kept | Answer::Invalid(_))) {
            self.place().get_or_insert(producer);
        } else {
            // It may block for a moment, to forget what is under way.
            tokio::task::spawn_blocking(|| drop(producer));
        }
        let delivery = |answer| match answer {
            Answer::Kept => Delivery::Taken,
            Answer::Invalid(reason) => Delivery::refused(&reason),
            Answer::NotKept(reason) => Delivery::later(&reason),
        };
        answers.into_iter().map(delivery).collect()
    }

    /// The producer, or a new one after something went wrong. An idempotent producer counts its records; where it and the
    /// brokers no longer agree on the count, they may refuse all that it sends, or take it for what they have.
    fn take_producer(&self) -> Result<FutureProducer, KafkaError> {
        let producer = self.place().take();
        producer.map_or_else(|| self.config.create(), Ok)
    }

    fn place(&self) -> MutexGuard<'_, Option<FutureProducer>> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publisher for KafkaPublisher {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(self.publish_all(batch))
    }
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPublisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}
