//! The reference store: everything in memory, nothing survives the process.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    Append, BoxFuture, Claim, Clock, Counts, Cursor, EventsAfter, Heartbeat, JournalEntry, JournalStore,
    Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, Sort, StoreResult, StoreTraits,
};
use crate::machine::{Event, Record, Request, SagaStarted};
use crate::{SagaId, Timestamp, WorkerId};

/// Keeps sagas in memory, for tests and for sagas that may die with their process.
///
/// Active and stuck sagas are kept for as long as they are; of the ended ones just the latest, so memory does not
/// grow with the sagas that have ended.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    keys: Mutex<HashMap<(String, String), SagaId>>,
    leases: Mutex<HashMap<WorkerId, Timestamp>>,
    clock: Clock,
    position: AtomicU64,
    ended_kept: usize,
}

#[derive(Debug, Default)]
struct Shard {
    sagas: HashMap<SagaId, Entry>,
    /// Sagas that have no owner, or unanswered requests, and have not ended.
    unowned: HashSet<SagaId>,
    ended: VecDeque<SagaId>,
}

#[derive(Debug)]
struct Entry {
    /// What `SagaStarted` says is read from the journal: it is kept once.
    journal: Vec<(u64, Record)>,
    head: super::HeadChange,
    updated_at: Timestamp,
    requests: Vec<(u64, Request)>,
}

const SHARDS: usize = 64;

/// How many ended sagas are kept where nothing else is set.
const ENDED_KEPT: usize = 1_024;

impl MemoryStore {
    /// An empty store that keeps the latest 1,024 ended sagas.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
            keys: Mutex::default(),
            leases: Mutex::default(),
            clock: Clock::system(),
            position: AtomicU64::new(0),
            ended_kept: ENDED_KEPT,
        }
    }

    /// Keeps about this many ended sagas, the latest; with 0 nothing is left of a saga that has ended, and its
    /// outcome is only to be had from a handle in this process.
    #[must_use]
    pub fn keep_ended(mut self, count: usize) -> Self {
        self.ended_kept = count;
        self
    }

    fn shard(&self, saga: SagaId) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(saga) % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[hash])
    }

    fn each_shard(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }

    fn append_now(&self, append: &Append) -> Result<Timestamp, Refusal> {
        let at = self.clock.now();
        let mut shard = self.shard(append.saga);
        let shard = &mut *shard;
        if append.expected == 0 {
            self.create(shard, append, at)?;
        } else {
            let entry = shard.sagas.get_mut(&append.saga).ok_or(Refusal::Conflict)?;
            if entry.journal.len() as u64 != append.expected {
                return Err(Refusal::Conflict);
            }
            self.extend(entry, append.events.iter().cloned(), at);
            if let Some(answered) = append.answered {
                entry.requests.retain(|(number, _)| *number > answered);
            }
            if let Some(head) = append.head {
                (entry.head, entry.updated_at) = (head, at);
            }
            let is_open = entry.head.owner.is_none() || !entry.requests.is_empty();
            if append.head.is_some() || append.answered.is_some() {
                if is_open && !entry.head.state.is_ended() {
                    shard.unowned.insert(append.saga);
                } else {
                    shard.unowned.remove(&append.saga);
                }
            }
        }
        if append.head.is_some_and(|head| head.state.is_ended()) {
            self.forget_oldest_ended(shard, append.saga);
        }
        Ok(at)
    }

    fn create(&self, shard: &mut Shard, append: &Append, at: Timestamp) -> Result<(), Refusal> {
        let (Some(Event::SagaStarted(started)), Some(head)) = (append.events.first(), append.head) else {
            return Err(Refusal::Conflict);
        };
        if shard.sagas.contains_key(&append.saga) {
            return Err(Refusal::Conflict);
        }
        if let Some(key) = &started.key {
            let mut keys = lock(&self.keys);
            let key = (started.definition.to_string(), key.clone());
            if let Some(&existing) = keys.get(&key) {
                return Err(Refusal::KeyTaken { existing });
            }
            keys.insert(key, append.saga);
        }
        let mut entry = Entry { journal: Vec::with_capacity(8), head, updated_at: at, requests: Vec::new() };
        self.extend(&mut entry, append.events.iter().cloned(), at);
        if head.owner.is_none() {
            shard.unowned.insert(append.saga);
        }
        shard.sagas.insert(append.saga, entry);
        Ok(())
    }

    fn extend(&self, entry: &mut Entry, events: impl Iterator<Item = Event>, at: Timestamp) {
        for event in events {
            let position = self.position.fetch_add(1, Ordering::Relaxed) + 1;
            let sequence = entry.journal.len() as u64;
            entry.journal.push((position, Record { sequence, at, event }));
        }
    }

    fn forget_oldest_ended(&self, shard: &mut Shard, ended: SagaId) {
        if self.ended_kept == 0 {
            self.forget(shard, ended);
            return;
        }
        shard.ended.push_back(ended);
        if shard.ended.len() > self.ended_kept.div_ceil(SHARDS)
            && let Some(oldest) = shard.ended.pop_front()
        {
            self.forget(shard, oldest);
        }
    }

    fn forget(&self, shard: &mut Shard, saga: SagaId) {
        shard.unowned.remove(&saga);
        let Some(entry) = shard.sagas.remove(&saga) else { return };
        if let Some(SagaStarted { definition, key: Some(key), .. }) = entry.started() {
            lock(&self.keys).remove(&(definition.to_string(), key.clone()));
        }
    }

    fn claim_now(&self, claim: &Claim) -> Vec<SagaId> {
        let now = self.clock.now();
        let leases = lock(&self.leases).clone();
        let is_dead = |owner: WorkerId| leases.get(&owner).is_none_or(|until| *until <= now);
        // Every worker that has a lease is alive: what is owned is not free.
        let anyone_dead = leases.values().any(|until| *until <= now);
        let mut free = Vec::new();
        for shard in self.each_shard() {
            let candidates: Vec<SagaId> = if anyone_dead {
                shard.sagas.keys().copied().collect()
            } else {
                shard.unowned.iter().copied().collect()
            };
            for saga in candidates {
                let Some(entry) = shard.sagas.get(&saga) else { continue };
                if entry.is_free(now, is_dead) && entry.is_known(claim) {
                    free.push((entry.head.wake_at.unwrap_or(entry.updated_at), saga));
                }
            }
        }
        free.sort_unstable();
        free.truncate(claim.limit);
        let mut claimed = Vec::with_capacity(free.len());
        for (_, saga) in free {
            let mut shard = self.shard(saga);
            let shard = &mut *shard;
            // Looked at again: the shard was open to others meanwhile.
            let Some(entry) = shard.sagas.get_mut(&saga).filter(|entry| entry.is_free(now, is_dead)) else {
                continue;
            };
            self.extend(entry, std::iter::once(Event::Claimed { worker: claim.worker }), now);
            entry.head.owner = Some(claim.worker);
            entry.updated_at = now;
            // One with requests stays: its owner's heartbeat tells of them until they are answered.
            if entry.requests.is_empty() {
                shard.unowned.remove(&saga);
            }
            claimed.push(saga);
        }
        claimed
    }

    fn list_now(&self, filter: &SagaFilter) -> SagaPage {
        let mut found = BTreeMap::new();
        for shard in self.each_shard() {
            for (id, entry) in &shard.sagas {
                if let Some(instance) = entry.instance(*id).filter(|instance| filter.matches(instance)) {
                    found.insert((instance.created_at, instance.id), instance);
                }
            }
        }
        let cursor = filter.cursor.map(|cursor| (cursor.created_at, cursor.id));
        let mut sagas: Vec<SagaInstance> = match filter.sort {
            Sort::OldestFirst => found
                .into_iter()
                .filter(|(place, _)| cursor.is_none_or(|cursor| *place > cursor))
                .map(|(_, instance)| instance)
                .take(filter.limit + 1)
                .collect(),
            Sort::NewestFirst => found
                .into_iter()
                .rev()
                .filter(|(place, _)| cursor.is_none_or(|cursor| *place < cursor))
                .map(|(_, instance)| instance)
                .take(filter.limit + 1)
                .collect(),
        };
        let has_more = sagas.len() > filter.limit;
        sagas.truncate(filter.limit);
        let next =
            sagas.last().filter(|_| has_more).map(|last| Cursor { created_at: last.created_at, id: last.id });
        SagaPage { sagas, next }
    }

    fn purge_now(&self, purge: &Purge) -> u64 {
        let mut purged = 0;
        for mut shard in self.each_shard() {
            let matching: Vec<SagaId> = shard
                .sagas
                .iter()
                .filter(|(_, entry)| {
                    let state = entry.head.state;
                    state.is_ended() && purge.states.contains(&state) && entry.updated_at < purge.ended_before
                })
                .map(|(id, _)| *id)
                .take(purge.limit.saturating_sub(usize::try_from(purged).unwrap_or(usize::MAX)))
                .collect();
            for saga in matching {
                self.forget(&mut shard, saga);
                shard.ended.retain(|ended| *ended != saga);
                purged += 1;
            }
        }
        purged
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    fn started(&self) -> Option<&SagaStarted> {
        match self.journal.first() {
            Some((_, Record { event: Event::SagaStarted(started), .. })) => Some(started),
            _ => None,
        }
    }

    fn is_free(&self, now: Timestamp, is_dead: impl Fn(WorkerId) -> bool) -> bool {
        let is_due = self.head.state != crate::machine::SagaState::Stuck
            && self.head.wake_at.is_none_or(|at| at <= now);
        !self.head.state.is_ended()
            && self.head.owner.is_none_or(is_dead)
            && (is_due || !self.requests.is_empty())
    }

    fn is_known(&self, claim: &Claim) -> bool {
        let Some(known) = &claim.definitions else { return true };
        self.started().is_some_and(|started| {
            known.iter().any(|key| {
                key.name == started.definition
                    && key.version == started.version
                    && key.fingerprint == started.fingerprint
            })
        })
    }

    fn instance(&self, id: SagaId) -> Option<SagaInstance> {
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

/// A panic cannot leave a shard half changed: nothing below can panic between two changes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, StoreResult<T>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl JournalStore for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits::exclusive().without_batches()
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        ready(batch.iter().map(|append| self.append_now(append)).collect())
    }

    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        ready(self.append_now(append))
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        let shard = self.shard(saga);
        let entry = shard.sagas.get(&saga);
        ready(
            entry.map_or_else(Vec::new, |entry| {
                entry.journal.iter().map(|(_, record)| record.clone()).collect()
            }),
        )
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        ready(self.claim_now(claim))
    }

    fn heartbeat(&self, worker: WorkerId, lease: Duration) -> BoxFuture<'_, StoreResult<Heartbeat>> {
        let now = self.clock.now();
        lock(&self.leases).insert(worker, now.saturating_add(lease));
        let mut requested = Vec::new();
        for shard in self.each_shard() {
            let has_requests = |saga: &&SagaId| {
                shard
                    .sagas
                    .get(saga)
                    .is_some_and(|entry| entry.head.owner == Some(worker) && !entry.requests.is_empty())
            };
            requested.extend(shard.unowned.iter().filter(has_requests).copied());
        }
        ready(Heartbeat { now, requested })
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        // Kept as run out, so that a claim knows that somebody's sagas are free.
        lock(&self.leases).insert(worker, self.clock.now());
        ready(())
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let mut shard = self.shard(saga);
        let shard = &mut *shard;
        let number = shard.sagas.get_mut(&saga).filter(|entry| !entry.head.state.is_ended()).map(|entry| {
            let number = self.position.fetch_add(1, Ordering::Relaxed) + 1;
            entry.requests.push((number, request.clone()));
            shard.unowned.insert(saga);
            number
        });
        ready(number)
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        let shard = self.shard(saga);
        ready(shard.sagas.get(&saga).map_or_else(Vec::new, |entry| entry.requests.clone()))
    }
}

impl QueryStore for MemoryStore {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        ready(self.shard(saga).sagas.get(&saga).and_then(|entry| entry.instance(saga)))
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        ready(self.list_now(filter))
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        let mut entries = Vec::new();
        for shard in self.each_shard() {
            for (saga, entry) in &shard.sagas {
                let later = entry.journal.iter().filter(|(position, _)| *position > after.position);
                entries.extend(later.map(|(position, record)| JournalEntry {
                    position: *position,
                    saga: *saga,
                    record: record.clone(),
                }));
            }
        }
        entries.sort_unstable_by_key(|entry| entry.position);
        entries.truncate(after.limit);
        ready(entries)
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        let mut counts = Counts::new();
        for shard in self.each_shard() {
            for entry in shard.sagas.values() {
                *counts.entry(entry.head.state).or_default() += 1;
            }
        }
        ready(counts)
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        ready(self.purge_now(purge))
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        ready(self.clock.now())
    }
}
