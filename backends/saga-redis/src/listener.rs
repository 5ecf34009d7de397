//! A connection of its own that a server sends messages to.

use std::time::Duration;

use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, RedisError, Value};
use saga::store::StoreResult;
use tokio::time::timeout;

use crate::error::told;
use crate::link::{Link, too_late};

/// Messages of one channel. Dropped, the connection is closed.
pub(crate) struct Listener {
    connection: MultiplexedConnection,
    limit: Duration,
}

impl Link {
    /// Subscribes to a channel in the slot of the first partition; `push` gets all that the server says, and the end of
    /// the connection.
    pub(crate) async fn subscribe(&self, channel: &str, push: impl AsyncPushSender) -> StoreResult<Listener> {
        let node = self.home(0);
        let told = |error: RedisError| told(&error, &node.address);
        // Only so a connection takes messages and commands at the same time.
        let settings = node.info().redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(node.info().clone().set_redis_settings(settings)).map_err(told)?;
        let limits = self.limits();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limits.connect_timeout))
            .set_response_timeout(None)
            .set_push_sender(push);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(told)?;
        let listener = Listener { connection, limit: limits.command_timeout };
        listener.ask(redis::cmd("SSUBSCRIBE").arg(channel)).await.map_err(told)?;
        Ok(listener)
    }
}

impl Listener {
    /// Whether the server is still there.
    pub(crate) async fn ping(&self) -> Result<(), RedisError> {
        self.ask(&redis::cmd("PING")).await
    }

    async fn ask(&self, command: &redis::Cmd) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        match timeout(self.limit, connection.req_packed_command(command)).await {
            Ok(answer) => answer.and_then(Value::extract_error).map(drop),
            Err(_) => Err(too_late(self.limit)),
        }
    }
}
