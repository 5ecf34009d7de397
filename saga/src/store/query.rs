//! Questions that people and tools ask, and the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DefinitionKey, SagaInstance};
use crate::machine::{Record, SagaState};
use crate::{Labels, SagaId, Timestamp, WorkerId};

/// Which sagas to list. Everything that is set must match.
///
/// ```
/// use saga::{SagaFilter, SagaState};
///
/// let parked = SagaFilter::new().state(SagaState::Stuck).label("customer", "c-17").limit(20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaFilter {
    /// Any of these states; empty: all.
    pub states: Vec<SagaState>,
    /// Any of these definitions; empty: all.
    pub definitions: Vec<String>,
    /// Recorded at this time or later.
    pub created_from: Option<Timestamp>,
    /// Recorded before this time.
    pub created_before: Option<Timestamp>,
    /// All of these labels.
    pub labels: Labels,
    /// The order.
    pub sort: Sort,
    /// At most so many, 1 to 1,000; without a call 100.
    pub limit: usize,
    /// Goes on where an earlier page ended.
    pub cursor: Option<Cursor>,
}

impl SagaFilter {
    /// All sagas, the newest first, a hundred at a time.
    #[must_use]
    pub fn new() -> Self {
        Self {
            states: Vec::new(),
            definitions: Vec::new(),
            created_from: None,
            created_before: None,
            labels: Labels::new(),
            sort: Sort::NewestFirst,
            limit: 100,
            cursor: None,
        }
    }

    /// Also those in this state.
    #[must_use]
    pub fn state(mut self, state: SagaState) -> Self {
        self.states.push(state);
        self
    }

    /// Also those of this definition.
    #[must_use]
    pub fn definition(mut self, name: impl Into<String>) -> Self {
        self.definitions.push(name.into());
        self
    }

    /// Only those recorded in this range.
    #[must_use]
    pub fn created(mut self, range: std::ops::Range<Timestamp>) -> Self {
        (self.created_from, self.created_before) = (Some(range.start), Some(range.end));
        self
    }

    /// Only those with this label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// In this order.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort = sort;
        self
    }

    /// At most so many, 1 to 1,000.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, 1_000);
        self
    }

    /// Goes on where an earlier page ended.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Whether `instance` matches, whatever the cursor.
    #[must_use]
    pub fn matches(&self, instance: &SagaInstance) -> bool {
        let in_range = self.created_from.is_none_or(|from| from <= instance.created_at)
            && self.created_before.is_none_or(|before| instance.created_at < before);
        in_range
            && (self.states.is_empty() || self.states.contains(&instance.state))
            && (self.definitions.is_empty() || self.definitions.contains(&instance.definition))
            && self.labels.iter().all(|(name, value)| instance.labels.get(name) == Some(value))
    }
}

impl Default for SagaFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// The order of a list: by the time of recording, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// Where a page ended. Print it and parse it to carry it through a web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the last saga of the page was recorded.
    pub created_at: Timestamp,
    /// Its id.
    pub id: SagaId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.as_micros(), self.id)
    }
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no cursor of a list")]
pub struct ParseCursorError(String);

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
        let (micros, id) = parts.ok_or_else(|| ParseCursorError(text.to_owned()))?;
        Ok(Self { created_at: Timestamp::from_micros(micros), id })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaPage {
    /// The sagas.
    pub sagas: Vec<SagaInstance>,
    /// Where the next page goes on; `None`: this was the last.
    pub next: Option<Cursor>,
}

/// Which entries of the journals to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsAfter {
    /// Only entries after this position; 0 from the beginning.
    pub position: u64,
    /// At most so many.
    pub limit: usize,
}

/// An entry of some saga's journal, in its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place among all entries; it grows, with gaps.
    pub position: u64,
    /// Whose it is.
    pub saga: SagaId,
    /// The entry.
    pub record: Record,
}

/// How many sagas are in which state; a state without any may be missing.
pub type Counts = BTreeMap<SagaState, u64>;

/// A worker that is alive, as far as the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLease {
    /// Who.
    pub worker: WorkerId,
    /// Until when at least, by the store's clock.
    pub leased_until: Timestamp,
}

/// Sagas that no live worker can drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownDefinition {
    /// Their definition.
    #[serde(flatten)]
    pub definition: DefinitionKey,
    /// How many there are.
    pub sagas: u64,
}

/// As many sagas are looked at for those that no live worker knows, of all that wait for a worker.
pub const UNKNOWN_LOOK_MAX: u64 = 100_000;

/// Which ended sagas to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Only those that ended before this time.
    pub ended_before: Timestamp,
    /// Only those of these states; states that are no end are passed over.
    pub states: Vec<SagaState>,
    /// At most so many.
    pub limit: usize,
}
