//! Whether a coordinator is well.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::metrics::as_seconds;
use crate::WorkerId;
use crate::store::{Counts, UnknownDefinition};

/// What a probe wants to know. Its JSON is in `docs/metrics.md`.
///
/// What the store says has a bound of 5 s each for who is alive and for the rest; without its answer, what it would have
/// said is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether the store answers and the worker holds its lease: what is started is recorded and driven.
    pub is_healthy: bool,
    /// What the store said instead of an answer.
    pub store_error: Option<String>,
    /// How long the last heartbeat is ago; at more than the lease, others take this worker's sagas.
    #[serde(rename = "last_heartbeat_age_seconds", serialize_with = "as_seconds")]
    pub last_heartbeat_age: Duration,
    /// Sagas that this process drives now.
    pub active: usize,
    /// How many workers of the store are alive, this one included.
    pub workers: usize,
    /// How many sagas of the store are stuck: they want an operator.
    pub stuck: u64,
    /// How many sagas of the whole store are in which state.
    pub counts: Counts,
    /// Sagas of the whole store that wait for a worker who knows their definition: no live one does. They are not lost;
    /// deploy what knows them, or give the stuck ones up. A healthy fleet may have some, in the middle of a deploy.
    pub unknown: Vec<UnknownDefinition>,
    /// How long ago the oldest saga of the store was recorded that has not ended and is not stuck. It may wait for a retry
    /// or its start time; `None` where there is none.
    #[serde(rename = "oldest_active_age_seconds", serialize_with = "as_seconds_if_any")]
    pub oldest_active_age: Option<Duration>,
    /// How long the saga waits that could be driven now, is by nobody, and waits longest; `None` where there is none. More
    /// than a few seconds means too few places, or no worker that knows the definition.
    #[serde(rename = "oldest_runnable_age_seconds", serialize_with = "as_seconds_if_any")]
    pub oldest_runnable_age: Option<Duration>,
    /// The publishers of the whole store, by name.
    pub publishers: Vec<PublisherHealth>,
    /// Whether the coordinator is shutting down.
    pub is_shutting_down: bool,
}

/// How a publisher stands, whichever process works for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PublisherHealth {
    /// Its name.
    pub name: String,
    /// The worker that publishes; `None`: nobody does.
    pub holder: Option<WorkerId>,
    /// How many events are behind its cursor, counted up to 10,000.
    pub lag_events: u64,
    /// How long ago the first of them was written; `None` where there is none.
    #[serde(rename = "lag_seconds", serialize_with = "as_seconds_if_any")]
    pub lag: Option<Duration>,
    /// Events that its broker refused for good.
    pub dead_letters: u64,
    /// What went wrong in this process last, and has not gone well since.
    pub last_error: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn as_seconds_if_any<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
