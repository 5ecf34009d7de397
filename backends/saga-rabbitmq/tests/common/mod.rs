//! A queue that a test reads.
#![allow(dead_code, reason = "each test program uses a part of it")]

use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use saga::SagaId;
use saga::store::{EventsAfter, JournalEntry, QueryStore};

/// The name of an exchange, and of its queue, of this test alone.
pub(crate) fn name() -> String {
    format!("test-{}", SagaId::new())
}

/// A queue bound to the exchange of its name.
pub(crate) struct Queue {
    name: String,
    channel: Channel,
    _connection: Connection,
}

/// A message that a reader got.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) is_persistent: bool,
    pub(crate) body: String,
}

impl Queue {
    /// A durable queue for what matches the pattern.
    pub(crate) async fn bound(url: &str, name: &str, pattern: &str) -> Self {
        let queue = Self::new(url, name, FieldTable::default()).await;
        queue.bind(pattern).await;
        queue
    }

    /// A durable queue for everything, with room for that many messages.
    pub(crate) async fn of_length(url: &str, name: &str, length: i32) -> Self {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(length));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        let queue = Self::new(url, name, arguments).await;
        queue.bind("#").await;
        queue
    }

    /// A queue in memory for what matches the pattern: it confirms many at once.
    pub(crate) async fn in_memory(url: &str, name: &str, pattern: &str) -> Self {
        let queue = Self::declared(url, name, QueueDeclareOptions::default(), FieldTable::default()).await;
        queue.bind(pattern).await;
        queue
    }

    async fn new(url: &str, name: &str, arguments: FieldTable) -> Self {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        Self::declared(url, name, durable, arguments).await
    }

    async fn declared(url: &str, name: &str, options: QueueDeclareOptions, arguments: FieldTable) -> Self {
        let queue = Self::connected(url, name).await;
        queue.channel.queue_declare(name.into(), options, arguments).await.unwrap();
        queue
    }

    async fn connected(url: &str, name: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { name: name.to_owned(), channel, _connection: connection }
    }

    /// It gets what matches this pattern too.
    pub(crate) async fn bind(&self, pattern: &str) {
        let (name, options) = (self.name.as_str(), QueueBindOptions::default());
        let binding =
            self.channel.queue_bind(name.into(), name.into(), pattern.into(), options, FieldTable::default());
        binding.await.unwrap();
    }

    /// What is in it, which is gone then.
    pub(crate) async fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = self.channel.basic_get(self.name.as_str().into(), options).await.unwrap() {
            let (delivery, properties) = (&message.delivery, &message.delivery.properties);
            messages.push(Message {
                key: delivery.routing_key.to_string(),
                id: properties.message_id().as_ref().unwrap().to_string(),
                kind: properties.kind().as_ref().unwrap().to_string(),
                is_persistent: *properties.delivery_mode() == Some(2),
                body: String::from_utf8(delivery.data.clone()).unwrap(),
            });
        }
        messages
    }

    /// Deletes it, and the exchange.
    pub(crate) async fn remove(self) {
        let (name, options) = (self.name.as_str(), QueueDeleteOptions::default());
        self.channel.queue_delete(name.into(), options).await.unwrap();
        self.channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await.unwrap();
    }
}

/// An exchange of the type `fanout`, and no queue.
pub(crate) async fn fanout(url: &str, name: &str) -> Queue {
    let queue = Queue::connected(url, name).await;
    let options = ExchangeDeclareOptions::default();
    let declaring =
        queue.channel.exchange_declare(name.into(), ExchangeKind::Fanout, options, FieldTable::default());
    declaring.await.unwrap();
    queue
}

pub(crate) fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.id.clone()).collect()
}

/// The id of an event as JSON.
pub(crate) fn id_of(event: &str) -> String {
    let (_, rest) = event.split_once("\"id\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The ids of all events of a store, sorted.
pub(crate) async fn all_ids(store: &dyn QueryStore) -> Vec<String> {
    let entries = store.events(&EventsAfter { position: 0, limit: 100_000 }).await.unwrap();
    let id = |entry: JournalEntry| format!("{}-{}", entry.saga, entry.record.sequence);
    let mut ids: Vec<String> = entries.into_iter().map(id).collect();
    ids.sort();
    ids
}
