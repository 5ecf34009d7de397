//! One append: the unit of durability.

use crate::machine::{Event, SagaState};
use crate::{SagaId, Timestamp, WorkerId};

/// Events of one saga, written together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The saga.
    pub saga: SagaId,
    /// The sequence number that the first event gets: the fence. 0 creates the saga, and the first event is
    /// [`SagaStarted`](Event::SagaStarted) then.
    pub expected: u64,
    /// The events, at least one.
    pub events: Vec<Event>,
    /// What changes in the saga's head row; `None` for most appends, so that no row is updated per step. Always
    /// there when the saga is created.
    pub head: Option<HeadChange>,
    /// Requests up to this number are answered by these events.
    pub answered: Option<u64>,
}

/// The part of a saga's head row that changes during its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadChange {
    /// How it stands.
    pub state: SagaState,
    /// Who drives it.
    pub owner: Option<WorkerId>,
    /// When somebody is to take it up; `None`: at once, if it has no owner.
    pub wake_at: Option<Timestamp>,
}

/// Why an append was not taken. Nothing of it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The journal is not where the append expects it: another owner wrote. The fence.
    Conflict,
    /// There is a saga of this definition and key already.
    KeyTaken {
        /// Its id.
        existing: SagaId,
    },
}
