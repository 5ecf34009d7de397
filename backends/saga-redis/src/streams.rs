//! Publishes events to a Redis stream.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use saga::store::{BoxFuture, StoreResult};
use saga::{Delivery, OutgoingEvent, Publisher, StoreError};
use tokio::sync::Mutex;

/// Publishes the events of sagas, of whatever store, to a stream of a Redis server.
///
/// Each event is an entry with the fields `id`, `type`, `saga`, `definition` and `event`, the event as JSON. An event
/// counts as taken once the server has answered: it survives what the server's own settings let it survive
/// (`appendfsync always`: a crash). A stream doesn't drop what comes twice: readers do, by the id.
///
/// ```no_run
/// use saga::{Coordinator, EventFilter, MemoryStore};
/// use saga_redis::StreamPublisher;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stream = StreamPublisher::new("redis://127.0.0.1:6379", "saga:events")?.length_max(1_000_000);
/// let coordinator =
///     Coordinator::builder(MemoryStore::new()).publish("stream", stream, EventFilter::all()).build().await?;
/// # Ok(())
/// # }
/// ```
pub struct StreamPublisher {
    client: Client,
    key: String,
    length_max: Option<u64>,
    connection: Mutex<Option<MultiplexedConnection>>,
}

/// How long the server has for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl StreamPublisher {
    /// Publishes to the stream at `key`. It connects with the first event, and again where the connection is lost.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unusable`] where the URL is none of Redis.
    pub fn new(url: impl AsRef<str>, key: impl Into<String>) -> StoreResult<Self> {
        let client = Client::open(url.as_ref())
            .map_err(|error| StoreError::unusable(format!("that is no URL of a Redis: {error}")))?;
        Ok(Self { client, key: key.into(), length_max: None, connection: Mutex::default() })
    }

    /// Keeps about so many entries, the latest. Default: all, for as long as nobody trims the stream.
    #[must_use]
    pub fn length_max(mut self, count: u64) -> Self {
        self.length_max = Some(count);
        self
    }

    async fn deliver(&self, batch: &[OutgoingEvent]) -> Result<Vec<Delivery>, RedisError> {
        // Taken out: a call that is dropped half-way leaves no connection behind whose answers nobody has read.
        let mut kept = self.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                self.client.get_multiplexed_async_connection_with_config(&config).await?
            }
        };
        let mut pipe = redis::pipe();
        for event in batch {
            let add = pipe.cmd("XADD").arg(&self.key);
            if let Some(length_max) = self.length_max {
                add.arg("MAXLEN").arg("~").arg(length_max);
            }
            add.arg("*").arg("id").arg(&event.id).arg("type").arg(event.event_type.as_str());
            add.arg("saga").arg(event.saga.to_string()).arg("definition").arg(&event.definition);
            add.arg("event").arg(&event.json);
            if let Some(trace) = &event.trace {
                add.arg("traceparent").arg(trace);
            }
        }
        // With one error the answer is an error: which entries are there then is not known, and all come again.
        let _: Vec<String> = pipe.query_async(&mut connection).await?;
        *kept = Some(connection);
        Ok(vec![Delivery::Taken; batch.len()])
    }
}

impl Publisher for StreamPublisher {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(async move {
            let put_off = |error: RedisError| vec![Delivery::later(&error); batch.len()];
            self.deliver(batch).await.unwrap_or_else(put_off)
        })
    }
}

impl fmt::Debug for StreamPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamPublisher").field("key", &self.key).finish_non_exhaustive()
    }
}
