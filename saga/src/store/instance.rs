//! A saga as a row.

use serde::{Deserialize, Serialize};

use crate::machine::SagaState;
use crate::{Fingerprint, Labels, SagaId, Timestamp, WorkerId};

/// What is known of a saga without reading its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaInstance {
    /// Its id.
    pub id: SagaId,
    /// The name of its definition.
    pub definition: String,
    /// The version of its definition.
    pub version: u32,
    /// The shape of its definition.
    pub fingerprint: Fingerprint,
    /// How it stands.
    pub state: SagaState,
    /// Names and values that its starter gave it.
    pub labels: Labels,
    /// The key of an idempotent start.
    pub key: Option<String>,
    /// Who drives it.
    pub owner: Option<WorkerId>,
    /// When it is to be taken up, if it waits.
    pub wake_at: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
