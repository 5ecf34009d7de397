//! What is handed to a broker, and what that answers.

use serde::Deserialize;

use crate::observe::{EventType, SagaEvent};
use crate::store::BoxFuture;
use crate::store::outbox::{DeadLetter, RefusedEvent};
use crate::trace::TRACE_LABEL;
use crate::{Labels, SagaId};

/// A way to a broker.
///
/// Events come at least once, each saga's in order: what a publisher says it has [`Taken`](Delivery::Taken) is passed
/// for good, and of a saga the next event comes only after that. An event may come again after a crash, under the same
/// id. A call that takes longer than 30 seconds, or panics, counts as [`Later`](Delivery::Later) for all its events;
/// its future is dropped.
///
/// ```
/// use saga::store::BoxFuture;
/// use saga::{Delivery, OutgoingEvent, Publisher};
///
/// struct Lines;
///
/// impl Publisher for Lines {
///     fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
///         Box::pin(async move {
///             batch.iter().map(|event| { println!("{}", event.json); Delivery::Taken }).collect()
///         })
///     }
/// }
/// ```
pub trait Publisher: Send + Sync + 'static {
    /// Hands events to the broker and answers for each, in their order. A batch has at most one event of each saga, so
    /// they may be sent in any order, or all at once. [`Taken`](Delivery::Taken) is said only once the broker has
    /// confirmed that it keeps the event.
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>>;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The broker confirmed that it keeps it.
    Taken,
    /// The broker is out of reach, busy or silent: the event is tried again, and its saga's later ones wait.
    Later {
        /// What it said.
        reason: String,
    },
    /// The broker will never take it: it becomes a dead letter, and the saga's later events go on.
    Refused {
        /// Why not.
        reason: String,
    },
}

impl Delivery {
    /// To be tried again.
    #[must_use]
    pub fn later(reason: &(impl ToString + ?Sized)) -> Self {
        Self::Later { reason: reason.to_string() }
    }

    /// Never to be tried again.
    #[must_use]
    pub fn refused(reason: &(impl ToString + ?Sized)) -> Self {
        Self::Refused { reason: reason.to_string() }
    }
}

/// An event on its way to a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingEvent {
    /// The id by which a reader tells duplicates: `{saga}-{sequence}`.
    pub id: String,
    /// Its saga: the key by which order is kept.
    pub saga: SagaId,
    /// Its place in its saga, from 0, without gaps.
    pub sequence: u64,
    /// What it tells.
    pub event_type: EventType,
    /// The name of the saga's definition.
    pub definition: String,
    /// The trace of the saga's starter, for brokers that carry it as a header.
    pub trace: Option<String>,
    /// The event as JSON: see [`SagaEvent`].
    pub json: String,
    /// Its place among all entries of all journals.
    pub position: u64,
}

impl OutgoingEvent {
    pub(crate) fn new(position: u64, event: &SagaEvent) -> Self {
        Self {
            id: event.id(),
            saga: event.saga,
            sequence: event.sequence,
            event_type: event.event_type(),
            definition: event.definition.to_string(),
            trace: event.trace().map(str::to_owned),
            json: event.to_json(),
            position,
        }
    }

    /// What a dead letter was to be; `None` where it is no event.
    pub(crate) fn of_letter(letter: &DeadLetter) -> Option<Self> {
        #[derive(Deserialize)]
        struct Read {
            id: String,
            saga: SagaId,
            sequence: u64,
            #[serde(rename = "type")]
            event_type: EventType,
            definition: String,
            #[serde(default)]
            labels: Labels,
        }
        let mut read: Read = serde_json::from_str(&letter.event).ok()?;
        Some(Self {
            id: read.id,
            saga: read.saga,
            sequence: read.sequence,
            event_type: read.event_type,
            definition: read.definition,
            trace: read.labels.remove(TRACE_LABEL),
            json: letter.event.clone(),
            position: letter.position,
        })
    }

    pub(super) fn refused(self, reason: String) -> RefusedEvent {
        RefusedEvent { position: self.position, saga: self.saga, event: self.json, reason }
    }
}
