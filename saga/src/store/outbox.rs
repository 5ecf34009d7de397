//! What publishers need of a store: durable cursors over the stream of all events, and dead letters.
//!
//! The journal is the outbox: nothing is written for a publisher when a saga is. A publisher reads
//! [`events`](super::QueryStore::events) behind its cursor, and moves the cursor once what it read is with the broker.

use std::time::Duration;

use super::{BoxFuture, StoreResult};
use crate::{SagaId, Timestamp, WorkerId};

/// The cursors of publishers, and what their brokers refused.
///
/// A cursor keeps what it has not passed: no [purge](super::QueryStore::purge) takes a saga that has an entry behind
/// the position of any cursor.
pub trait OutboxStore: Send + Sync + 'static {
    /// Makes `worker` the holder of a cursor for so long, by the store's clock, and tells the cursor's position; `None`
    /// where another worker holds it. A cursor that is not there is made, at position 0.
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>>;

    /// Moves a cursor and records what was refused on the way, in one durable commit: once it returned `true`, both
    /// are done. `false`: the worker is not its holder any more, or the cursor is not where the move begins, and nothing
    /// is done. A letter that is there already is replaced.
    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>>;

    /// Ends a lease: the cursor is free at once. Of another holder's it does nothing.
    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>>;

    /// All cursors, by name.
    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>>;

    /// Forgets a cursor with its dead letters, so that it keeps nothing from being purged; whether there was one.
    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>>;

    /// Dead letters of a publisher, in the order of their positions.
    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>>;

    /// Changes one dead letter; whether there is one.
    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>>;
}

/// A move of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorAdvance {
    /// The cursor.
    pub name: String,
    /// Its holder.
    pub worker: WorkerId,
    /// Where it is.
    pub from: u64,
    /// Where it is to be.
    pub to: u64,
    /// What was refused for good between the two.
    pub refused: Vec<RefusedEvent>,
}

/// An event that a broker refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its place among all entries.
    pub position: u64,
    /// Its saga.
    pub saga: SagaId,
    /// The event as it was to be published.
    pub event: String,
    /// Why it was refused.
    pub reason: String,
}

/// How a cursor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorStatus {
    /// The publisher's name.
    pub name: String,
    /// The place of the last entry that was dealt with.
    pub position: u64,
    /// Who holds it, by a running lease.
    pub holder: Option<WorkerId>,
    /// How many entries come after it, counted up to [`BEHIND_MAX`].
    pub behind: u64,
    /// When the first of those was written.
    pub oldest_at: Option<Timestamp>,
    /// How many dead letters there are.
    pub dead_letters: u64,
}

/// Entries behind a cursor are counted up to here.
pub const BEHIND_MAX: u64 = 10_000;

/// Which dead letters to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLettersAfter {
    /// Whose.
    pub publisher: String,
    /// Only those after this position; 0 from the beginning.
    pub position: u64,
    /// At most so many.
    pub limit: usize,
    /// Which ones.
    pub which: Letters,
}

/// Which dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// All.
    All,
    /// Those that are to be sent again.
    ToResend,
}

/// An event that a broker refused for good, kept until somebody has it sent again or dismisses it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The publisher's name.
    pub publisher: String,
    /// The event's place among all entries: with the publisher the letter's name.
    pub position: u64,
    /// The event's saga.
    pub saga: SagaId,
    /// The event as it was to be published.
    pub event: String,
    /// Why it was refused.
    pub reason: String,
    /// When it was refused, the last time.
    pub refused_at: Timestamp,
    /// Whether it is to be sent again.
    pub is_to_resend: bool,
}

impl DeadLetter {
    /// What a broker refused at this time.
    #[must_use]
    pub fn new(publisher: impl Into<String>, refused: RefusedEvent, refused_at: Timestamp) -> Self {
        let RefusedEvent { position, saga, event, reason } = refused;
        let publisher = publisher.into();
        Self { publisher, position, saga, event, reason, refused_at, is_to_resend: false }
    }
}

/// What becomes of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetterChange {
    /// It is to be sent again, by whoever holds the cursor.
    Resend,
    /// It was refused again.
    RefusedAgain {
        /// Why.
        reason: String,
    },
    /// It was sent, or nobody wants it: it goes.
    Remove,
}
