//! A part of the memory store that is locked on its own.

use crate::id_map::{IdMap, IdSet};
use crate::machine::{Event, Record, Request, SagaStarted, SagaState};
use crate::store::{Claim, HeadChange, SagaInstance};
use crate::{SagaId, Timestamp, WorkerId};

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) sagas: IdMap<Entry>,
    /// Sagas that have no owner, or unanswered requests, and have not ended.
    pub(super) open: IdSet,
    /// How many sagas each owner has. A search looks at all sagas only where one of these is dead.
    owners: Vec<(WorkerId, usize)>,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// What `SagaStarted` says is read from the journal: it is kept once.
    pub(super) journal: Vec<(u64, Record)>,
    pub(super) head: HeadChange,
    pub(super) updated_at: Timestamp,
    pub(super) requests: Vec<(u64, Request)>,
}

impl Shard {
    pub(super) fn insert(&mut self, saga: SagaId, entry: Entry) {
        let owner = entry.head.owner;
        self.sagas.insert(saga, entry);
        self.refile(saga, None, owner);
    }

    pub(super) fn remove(&mut self, saga: SagaId) -> Option<Entry> {
        let entry = self.sagas.remove(&saga)?;
        self.open.remove(&saga);
        self.count(entry.head.owner, None);
        Some(entry)
    }

    /// Puts a saga where a search for work finds it, after its owner, its state or its requests changed.
    pub(super) fn refile(&mut self, saga: SagaId, before: Option<WorkerId>, after: Option<WorkerId>) {
        self.count(before, after);
        let Some(entry) = self.sagas.get(&saga) else { return };
        let is_open = entry.head.owner.is_none() || !entry.requests.is_empty();
        if is_open && !entry.head.state.is_ended() {
            self.open.insert(saga);
        } else {
            self.open.remove(&saga);
        }
    }

    fn count(&mut self, before: Option<WorkerId>, after: Option<WorkerId>) {
        if before == after {
            return;
        }
        if let Some(place) = self.owners.iter().position(|(owner, _)| Some(*owner) == before) {
            self.owners[place].1 -= 1;
            if self.owners[place].1 == 0 {
                self.owners.swap_remove(place);
            }
        }
        if let Some(after) = after {
            match self.owners.iter_mut().find(|(owner, _)| *owner == after) {
                Some((_, count)) => *count += 1,
                None => self.owners.push((after, 1)),
            }
        }
    }

    /// The sagas that may be free: those that are open, and all, where an owner is dead.
    pub(super) fn candidates<'a>(
        &'a self,
        is_dead: impl Fn(WorkerId) -> bool,
    ) -> Box<dyn Iterator<Item = (SagaId, &'a Entry)> + 'a> {
        if self.owners.iter().any(|(owner, _)| is_dead(*owner)) {
            Box::new(self.sagas.iter().map(|(id, entry)| (*id, entry)))
        } else {
            Box::new(self.open.iter().filter_map(|id| Some((*id, self.sagas.get(id)?))))
        }
    }
}

impl Entry {
    pub(super) fn started(&self) -> Option<&SagaStarted> {
        match self.journal.first() {
            Some((_, Record { event: Event::SagaStarted(started), .. })) => Some(started),
            _ => None,
        }
    }

    pub(super) fn is_free(&self, now: Timestamp, is_dead: impl Fn(WorkerId) -> bool) -> bool {
        let is_due =
            self.head.state != SagaState::Stuck && self.head.wake_at.is_none_or(|wake_at| wake_at <= now);
        self.is_nobodys(is_dead) && (is_due || !self.requests.is_empty())
    }

    /// Whether it has not ended, and nobody who is alive owns it.
    pub(super) fn is_nobodys(&self, is_dead: impl Fn(WorkerId) -> bool) -> bool {
        !self.head.state.is_ended() && self.head.owner.is_none_or(is_dead)
    }

    /// Since when it waits for somebody to take it up.
    pub(super) fn waits_since(&self) -> Timestamp {
        self.head.wake_at.unwrap_or(self.updated_at)
    }

    pub(super) fn is_known(&self, claim: &Claim) -> bool {
        let Some(known) = &claim.definitions else { return true };
        self.started().is_some_and(|started| {
            known.iter().any(|key| {
                key.name == started.definition
                    && key.version == started.version
                    && key.fingerprint == started.fingerprint
            })
        })
    }

    pub(super) fn instance(&self, id: SagaId) -> Option<SagaInstance> {
        let started = self.started()?;
        let (_, first) = self.journal.first()?;
        Some(SagaInstance {
            id,
            definition: started.definition.to_string(),
            version: started.version,
            fingerprint: started.fingerprint,
            state: self.head.state,
            labels: started.labels.clone(),
            key: started.key.clone(),
            owner: self.head.owner,
            wake_at: self.head.wake_at,
            created_at: first.at,
            updated_at: self.updated_at,
            ended_at: self.head.state.is_ended().then_some(self.updated_at),
        })
    }
}
