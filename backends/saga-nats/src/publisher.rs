//! The publisher.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, ContextBuilder, ErrorCode, stream};
use futures_util::future::join_all;
use saga::store::BoxFuture;
use saga::{Delivery, OutgoingEvent, Publisher};

use crate::subject::token;

/// Publishes events to NATS `JetStream`.
#[derive(Clone)]
pub struct NatsPublisher {
    context: Context,
    prefix: String,
}

/// A publisher that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The server cannot be reached.
    #[error("NATS cannot be reached: {source}")]
    Connect {
        /// What the client said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The stream cannot be made.
    #[error("the stream `{stream}` cannot be made or read; is JetStream on (`nats-server -js`)? {source}")]
    Stream {
        /// Its name.
        stream: String,
        /// What the server said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The subjects are below this, unless another is set.
const PREFIX: &str = "saga.events";

/// How long an acknowledgement is waited for.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long a new stream drops what comes twice: longer than a publisher's lease and backoff, so that a takeover
/// makes no duplicates.
const DUPLICATES_WINDOW: Duration = Duration::from_mins(10);

impl NatsPublisher {
    /// Connects to the server or cluster at `url`. The connection mends itself.
    ///
    /// # Errors
    ///
    /// [`NatsError::Connect`] where nobody answers.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, NatsError> {
        let connecting =
            async_nats::ConnectOptions::new().connection_timeout(ACK_TIMEOUT).connect(url.as_ref());
        let client = connecting.await.map_err(|source| NatsError::Connect { source: source.into() })?;
        Ok(Self::over(client))
    }

    /// Publishes by a connection of yours.
    #[must_use]
    pub fn over(client: async_nats::Client) -> Self {
        let context = ContextBuilder::new().timeout(ACK_TIMEOUT).build(client);
        Self { context, prefix: PREFIX.to_owned() }
    }

    /// Publishes below another subject than `saga.events`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Makes a stream of this name that keeps the events, on disk, where there is none; one that is there stays as it is.
    ///
    /// # Errors
    ///
    /// [`NatsError::Stream`] where the server has no `JetStream`, or another stream has the subjects.
    pub async fn with_stream(self, name: impl Into<String>) -> Result<Self, NatsError> {
        let name = name.into();
        let config = stream::Config {
            name: name.clone(),
            subjects: vec![format!("{}.>", self.prefix)],
            duplicate_window: DUPLICATES_WINDOW,
            ..stream::Config::default()
        };
        match self.context.get_or_create_stream(config).await {
            Ok(_) => Ok(self),
            Err(source) => Err(NatsError::Stream { stream: name, source: source.into() }),
        }
    }

    async fn publish_one(&self, event: &OutgoingEvent) -> Delivery {
        let subject = format!("{}.{}.{}", self.prefix, token(&event.definition), event.event_type);
        let mut message =
            PublishMessage::build().payload(event.json.clone().into()).message_id(event.id.as_str());
        if let Some(trace) =
            event.trace.as_deref().filter(|trace| trace.is_ascii() && !trace.contains(char::is_control))
        {
            message = message.header("traceparent", trace);
        }
        let acknowledged = async { self.context.send_publish(subject, message).await?.await };
        match acknowledged.await {
            Ok(_) => Delivery::Taken,
            Err(error) if is_final(&error) => Delivery::refused(&told(&error)),
            Err(error) => Delivery::later(&told(&error)),
        }
    }
}

/// Whether the same event would never be taken.
fn is_final(error: &PublishError) -> bool {
    let by_stream = || {
        let source = error.source()?.downcast_ref::<async_nats::jetstream::Error>()?;
        Some(source.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
    };
    error.kind() == PublishErrorKind::MaxPayloadExceeded || by_stream().unwrap_or(false)
}

fn told(error: &PublishError) -> String {
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            "no stream has the subject: make one, or use `with_stream`".to_owned()
        }
        _ => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

impl Publisher for NatsPublisher {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        // All at once: the server answers in its own time, and no two are of one saga.
        Box::pin(join_all(batch.iter().map(|event| self.publish_one(event))))
    }
}

impl fmt::Debug for NatsPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsPublisher").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
