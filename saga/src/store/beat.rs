//! A sign of life of a worker.

use std::time::Duration;

use super::DefinitionKey;
use crate::{SagaId, Timestamp, WorkerId};

/// What a worker says of itself, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Who.
    pub worker: WorkerId,
    /// For how long it is alive.
    pub lease: Duration,
    /// What it can drive, in place of what it said before.
    pub definitions: Vec<DefinitionKey>,
}

impl Beat {
    /// Of a worker that knows no definition.
    #[must_use]
    pub const fn new(worker: WorkerId, lease: Duration) -> Self {
        Self { worker, lease, definitions: Vec::new() }
    }

    /// Of one that knows these.
    #[must_use]
    pub fn knowing(mut self, definitions: Vec<DefinitionKey>) -> Self {
        self.definitions = definitions;
        self
    }
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The store's time.
    pub now: Timestamp,
    /// The worker's sagas with unanswered requests.
    pub requested: Vec<SagaId>,
}
