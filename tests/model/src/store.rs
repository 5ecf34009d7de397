//! The contract of a store, for one saga: `saga/src/store/mod.rs` in short.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use saga::machine::{Event, Record, SagaState};

use crate::bounds::{LEASE, Rules};
use crate::shop::{time_of, worker_id};

/// An event that can be hashed and shared.
#[derive(Debug, Clone)]
pub(crate) struct Known(Arc<(String, Event)>);

impl Known {
    pub(crate) fn new(event: Event) -> Self {
        Self(Arc::new((event.encode(), event)))
    }

    pub(crate) fn event(&self) -> &Event {
        &self.0.1
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.0 == other.0.0
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

/// One record, and what nobody but the checker sees of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) event: Known,
    /// Whether whoever wrote it owned the saga then.
    pub(crate) is_by_owner: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Append {
    pub(crate) writer: u8,
    pub(crate) expected: usize,
    pub(crate) events: Vec<Known>,
    pub(crate) head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) state: SagaState,
    pub(crate) owner: Option<u8>,
    pub(crate) wake_at: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) journal: Vec<Entry>,
    pub(crate) head: Head,
    /// Until when each worker's lease runs, by the store's clock.
    pub(crate) leases: Vec<i8>,
}

impl Store {
    /// A saga that `owner` has just recorded.
    pub(crate) fn new(started: Event, owner: u8, workers: u8) -> Self {
        Self {
            journal: vec![Entry { event: Known::new(started), is_by_owner: true }],
            head: Head { state: SagaState::Running, owner: Some(owner), wake_at: 0 },
            leases: vec![LEASE; usize::from(workers)],
        }
    }

    /// Whether it was taken; else another has the number.
    pub(crate) fn append(&mut self, rules: Rules, append: &Append) -> bool {
        if rules.fence && append.expected != self.journal.len() {
            return false;
        }
        let is_by_owner = self.head.owner == Some(append.writer);
        self.journal.extend(append.events.iter().map(|event| Entry { event: event.clone(), is_by_owner }));
        self.head = append.head;
        true
    }

    /// Whether a claim would give the saga away.
    pub(crate) fn is_free(&self, now: u8) -> bool {
        let is_due = self.head.wake_at <= now && self.head.state != SagaState::Stuck;
        let is_dead = |owner: u8| self.leases[usize::from(owner)] <= now.cast_signed();
        !self.head.state.is_ended() && is_due && self.head.owner.is_none_or(is_dead)
    }

    /// Makes `worker` the owner, and appends that.
    pub(crate) fn claim(&mut self, rules: Rules, worker: u8) {
        if rules.claim_is_recorded {
            let event = Known::new(Event::Claimed { worker: worker_id(worker) });
            self.journal.push(Entry { event, is_by_owner: true });
        }
        (self.head.owner, self.head.wake_at) = (Some(worker), 0);
    }

    /// Whether nothing happens to the saga any more, unless an operator acts.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.head.state.is_ended() || self.head.state == SagaState::Stuck
    }

    pub(crate) fn events(&self) -> Vec<Known> {
        self.journal.iter().map(|entry| entry.event.clone()).collect()
    }

    /// Whether these events stand from this number on.
    pub(crate) fn holds(&self, from: usize, events: &[Known]) -> bool {
        let taken = self.journal.get(from..).unwrap_or_default();
        taken.len() >= events.len() && taken.iter().zip(events).all(|(entry, event)| entry.event == *event)
    }

    /// The journal as records, for the rules over a whole journal.
    pub(crate) fn records(&self) -> Vec<Record> {
        let record = |(sequence, entry): (u64, &Entry)| {
            let event = entry.event.event().clone();
            Record { sequence, at: time_of(0), event }
        };
        (0..).zip(&self.journal).map(record).collect()
    }
}
