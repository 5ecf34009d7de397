//! Whether a coordinator is well.

use std::time::Duration;

use serde::Serialize;

use crate::store::{Counts, UnknownDefinition};

/// What a probe wants to know. Its JSON is in `docs/metrics.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether the store answers and the worker holds its lease: what is started is recorded and driven.
    pub is_healthy: bool,
    /// What the store said instead of an answer.
    pub store_error: Option<String>,
    /// How long the last heartbeat is ago; at more than the lease, others take this worker's sagas.
    #[serde(rename = "last_heartbeat_age_seconds", serialize_with = "super::metrics::as_seconds")]
    pub last_heartbeat_age: Duration,
    /// Sagas that this process drives now.
    pub active: usize,
    /// How many sagas of the whole store are in which state; stuck ones want an operator.
    pub counts: Counts,
    /// Sagas of the whole store that wait for a worker who knows their definition: no live one does. They are not lost;
    /// deploy what knows them, or give the stuck ones up. A healthy fleet may have some, in the middle of a deploy.
    pub unknown: Vec<UnknownDefinition>,
    /// Whether the coordinator is shutting down.
    pub is_shutting_down: bool,
}
