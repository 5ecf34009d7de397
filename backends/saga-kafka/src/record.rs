//! An event as a record.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use saga::OutgoingEvent;

/// What became of a record.
pub(crate) enum Answer {
    Kept,
    /// This record, or another one of its batch, is one that Kafka never takes.
    Invalid(String),
    NotKept(String),
}

/// How long a record waits for a place in the producer's queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns once the record is acknowledged, or will not be.
pub(crate) async fn send(producer: &FutureProducer, topic: &str, event: &OutgoingEvent) -> Answer {
    let key = event.saga.to_string();
    let record = FutureRecord::to(topic).key(&key).payload(&event.json).headers(headers(event));
    match producer.send(record, QUEUE_TIMEOUT).await {
        Ok(_) => Answer::Kept,
        Err((error, _)) if is_invalid(&error) => Answer::Invalid(error.to_string()),
        Err((error, _)) => Answer::NotKept(error.to_string()),
    }
}

fn headers(event: &OutgoingEvent) -> OwnedHeaders {
    let kind = event.event_type.to_string();
    let headers = OwnedHeaders::new()
        .insert(Header { key: "id", value: Some(&event.id) })
        .insert(Header { key: "type", value: Some(&kind) })
        .insert(Header { key: "definition", value: Some(&event.definition) });
    match &event.trace {
        Some(trace) => headers.insert(Header { key: "traceparent", value: Some(trace) }),
        None => headers,
    }
}

/// Whether the same record would never be taken.
fn is_invalid(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord))
}
