//! A connection with its channel, for as long as both are sound.

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use saga::OutgoingEvent;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Came, answers};

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) exchange: ShortString,
    /// Whether it is made where it is missing.
    pub(crate) is_declared: bool,
    /// Whether an event that no queue is bound for is to come back.
    pub(crate) is_mandatory: bool,
}

/// An event with its routing key.
pub(crate) struct Addressed<'a> {
    pub(crate) event: &'a OutgoingEvent,
    pub(crate) key: ShortString,
}

/// A connection with its channel. Once something went wrong it is not used again: what is under way on it would mix with
/// what comes after.
pub(crate) struct Link {
    channel: Channel,
    connection: Connection,
    is_spent: bool,
}

/// A trace that is longer is none: the header of a message must fit a frame.
const TRACE_LEN_MAX: usize = 512;

/// The message outlives a restart, where its queue does.
const PERSISTENT: u8 = 2;

impl Link {
    pub(crate) async fn open(uri: &AMQPUri) -> Result<Self, lapin::Error> {
        let properties = ConnectionProperties::default().with_connection_name("saga".into());
        let connection = Connection::connect_uri(uri.clone(), properties).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { channel, connection, is_spent: false })
    }

    /// Makes the exchange where there is none.
    pub(crate) async fn declare(&self, exchange: ShortString) -> Result<(), lapin::Error> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        self.channel.exchange_declare(exchange, ExchangeKind::Topic, options, FieldTable::default()).await
    }

    pub(crate) fn is_fit(&self) -> bool {
        !self.is_spent && self.channel.status().connected() && self.connection.status().connected()
    }

    /// Whether RabbitMQ reads nothing, for it is short of memory or disk.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked() && self.connection.status().connected()
    }

    /// Sends events, all at once, and returns what came of each. A link of which this was dropped is not to be used again:
    /// what comes late would count for the next batch.
    pub(crate) async fn send(
        &mut self,
        target: &Target,
        batch: &[Addressed<'_>],
        until: Instant,
    ) -> Vec<Answer> {
        let sending = batch.iter().map(|addressed| self.send_one(target, addressed, until));
        let came = join_all(sending).await;
        self.is_spent = !came.iter().all(Came::is_confirmed);
        answers(batch.iter().map(|addressed| addressed.event.id.as_str()), came)
    }

    async fn send_one(&self, target: &Target, addressed: &Addressed<'_>, until: Instant) -> Came {
        let options =
            BasicPublishOptions { mandatory: target.is_mandatory, ..BasicPublishOptions::default() };
        let (event, key) = (addressed.event, addressed.key.clone());
        let sending = async {
            let body = event.json.as_bytes();
            let exchange = target.exchange.clone();
            self.channel.basic_publish(exchange, key, options, body, properties(event)).await?.await
        };
        match timeout_at(until, sending).await {
            Ok(Ok(confirmation)) => Came::of(confirmation),
            Ok(Err(error)) => Came::Failed(error),
            Err(_) => Came::Nothing,
        }
    }
}

fn properties(event: &OutgoingEvent) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(event.id.as_str().into())
        .with_type(event.event_type.to_string().into());
    let is_sound =
        |trace: &&str| trace.len() <= TRACE_LEN_MAX && trace.is_ascii() && !trace.contains(char::is_control);
    match event.trace.as_deref().filter(is_sound) {
        Some(trace) => {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(LongString::from(trace)));
            properties.with_headers(headers)
        }
        None => properties,
    }
}
