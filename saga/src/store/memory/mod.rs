//! The reference store: everything in memory, nothing survives the process.

mod outbox;
mod shard;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::outbox::Outbox;
use self::shard::{Entry, Shard};
use super::{
    Append, Beat, BoxFuture, Claim, Clock, Counts, Cursor, DefinitionKey, EventsAfter, Heartbeat,
    JournalEntry, JournalStore, OutboxStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage,
    Sort, StoreResult, StoreTraits, UnknownDefinition, WorkerLease,
};
use crate::machine::{Event, Record, Request, SagaStarted};
use crate::{DefinitionShape, SagaId, Timestamp, WorkerId};

/// Keeps sagas in memory, for tests and for sagas that may die with their process.
///
/// Active and stuck sagas are kept for as long as they are; of the ended ones just the latest, so memory does not
/// grow with the sagas that have ended.
///
/// ```
/// use std::sync::Arc;
/// use saga::{Coordinator, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Nothing is left of what has ended. Whoever holds the store can build another coordinator over it.
/// let store = Arc::new(MemoryStore::new().keep_ended(0));
/// let coordinator = Coordinator::builder_shared(store.clone()).build().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    keys: Mutex<HashMap<(String, String), SagaId>>,
    leases: Mutex<HashMap<WorkerId, Lease>>,
    shapes: Mutex<HashMap<DefinitionKey, DefinitionShape>>,
    clock: Clock,
    position: AtomicU64,
    /// Sagas that ended, in that order.
    ended: Mutex<VecDeque<SagaId>>,
    ended_kept: usize,
    outbox: Outbox,
}

#[derive(Debug)]
struct Lease {
    until: Timestamp,
    definitions: Vec<DefinitionKey>,
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
            keys: Mutex::default(),
            leases: Mutex::default(),
            shapes: Mutex::default(),
            clock: Clock::system(),
            position: AtomicU64::new(0),
            ended: Mutex::default(),
            ended_kept: ENDED_KEPT,
            outbox: Outbox::default(),
        }
    }

    /// Keeps this many ended sagas, the latest; with 0 nothing is left of a saga that has ended, and its
    /// outcome is only to be had from a handle in this process.
    #[must_use]
    pub fn keep_ended(mut self, count: usize) -> Self {
        self.ended_kept = count;
        self
    }

    fn shard(&self, saga: SagaId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[saga.shard(SHARDS)])
    }

    fn each_shard(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }

    fn append_now(&self, append: &Append) -> Result<Timestamp, Refusal> {
        let at = self.write(append)?;
        if append.head.is_some_and(|head| head.state.is_ended()) {
            self.forget_oldest_ended(append.saga);
        }
        Ok(at)
    }

    fn write(&self, append: &Append) -> Result<Timestamp, Refusal> {
        let mut shard = self.shard(append.saga);
        // Read under the lock, so that no journal's times go back.
        let at = self.clock.now();
        if append.expected == 0 {
            return self.create(&mut shard, append, at);
        }
        let entry = shard.sagas.get_mut(&append.saga).ok_or(Refusal::Conflict)?;
        if entry.journal.len() as u64 != append.expected {
            return Err(Refusal::Conflict);
        }
        self.extend(entry, append.events.iter().cloned(), at);
        if let Some(answered) = append.answered {
            entry.requests.retain(|(number, _)| *number > answered);
        }
        let before = entry.head.owner;
        if let Some(head) = append.head {
            (entry.head, entry.updated_at) = (head, at);
            if head.state.is_ended() {
                // Nobody can answer them any more.
                entry.requests = Vec::new();
            }
        }
        if append.head.is_some() || append.answered.is_some() {
            let after = entry.head.owner;
            shard.refile(append.saga, before, after);
        }
        Ok(at)
    }

    fn create(&self, shard: &mut Shard, append: &Append, at: Timestamp) -> Result<Timestamp, Refusal> {
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
        shard.insert(append.saga, entry);
        Ok(at)
    }

    fn extend(&self, entry: &mut Entry, events: impl Iterator<Item = Event>, at: Timestamp) {
        for event in events {
            let position = self.next_position();
            let sequence = entry.journal.len() as u64;
            entry.journal.push((position, Record { sequence, at, event }));
        }
    }

    fn next_position(&self) -> u64 {
        self.position.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn forget_oldest_ended(&self, ended: SagaId) {
        if self.ended_kept == 0 && !self.outbox.has_cursors() {
            return self.forget(&mut self.shard(ended), ended);
        }
        lock(&self.ended).push_back(ended);
        self.trim_ended();
    }

    /// Forgets the ended sagas that are too many, but none that a publisher has not read yet.
    fn trim_ended(&self) {
        loop {
            let oldest = {
                let mut queue = lock(&self.ended);
                let is_over = queue.len() > self.ended_kept;
                match queue.front() {
                    Some(oldest) if is_over && self.is_published(*oldest) => queue.pop_front(),
                    _ => None,
                }
            };
            let Some(oldest) = oldest else { return };
            self.forget(&mut self.shard(oldest), oldest);
        }
    }

    fn forget(&self, shard: &mut Shard, saga: SagaId) {
        let Some(entry) = shard.remove(saga) else { return };
        if let Some(SagaStarted { definition, key: Some(key), .. }) = entry.started() {
            lock(&self.keys).remove(&(definition.to_string(), key.clone()));
        }
    }

    fn claim_now(&self, claim: &Claim) -> Vec<SagaId> {
        self.take(claim, self.find_free(claim))
    }

    /// Sagas that looked free, those that wait longest first.
    fn find_free(&self, claim: &Claim) -> Vec<SagaId> {
        let mut free = Vec::new();
        self.each_free(|saga, entry| {
            if entry.is_known(claim) {
                free.push((entry.waits_since(), saga));
            }
        });
        free.sort_unstable();
        free.truncate(claim.limit);
        free.into_iter().map(|(_, saga)| saga).collect()
    }

    fn each_free(&self, mut see: impl FnMut(SagaId, &Entry)) {
        let now = self.clock.now();
        let alive: HashSet<WorkerId> = lock(&self.leases)
            .iter()
            .filter(|(_, lease)| lease.until > now)
            .map(|(worker, _)| *worker)
            .collect();
        let is_dead = |owner: WorkerId| !alive.contains(&owner);
        for shard in self.each_shard() {
            for (saga, entry) in shard.candidates(is_dead) {
                if entry.is_free(now, is_dead) {
                    see(saga, entry);
                }
            }
        }
    }

    /// Gives to the claimant those of `found` that are free still. Each is looked at again under its lock, and so is
    /// its owner's lease: both were open to others meanwhile.
    fn take(&self, claim: &Claim, found: Vec<SagaId>) -> Vec<SagaId> {
        let mut claimed = Vec::with_capacity(found.len());
        for saga in found {
            let mut shard = self.shard(saga);
            let at = self.clock.now();
            let is_dead =
                |owner: WorkerId| lock(&self.leases).get(&owner).is_none_or(|lease| lease.until <= at);
            let Some(entry) = shard.sagas.get_mut(&saga).filter(|entry| entry.is_free(at, is_dead)) else {
                continue;
            };
            self.extend(entry, std::iter::once(Event::Claimed { worker: claim.worker }), at);
            let before = entry.head.owner.replace(claim.worker);
            entry.updated_at = at;
            shard.refile(saga, before, Some(claim.worker));
            claimed.push(saga);
        }
        claimed
    }

    fn unknown_now(&self) -> Vec<UnknownDefinition> {
        let now = self.clock.now();
        let (mut alive, mut known) = (HashSet::new(), HashSet::new());
        for (worker, lease) in lock(&self.leases).iter().filter(|(_, lease)| lease.until > now) {
            alive.insert(*worker);
            known.extend(lease.definitions.iter().cloned());
        }
        let is_dead = |owner: WorkerId| !alive.contains(&owner);
        let mut unknown = BTreeMap::new();
        for shard in self.each_shard() {
            for (_, entry) in shard.candidates(is_dead).filter(|(_, entry)| entry.is_nobodys(is_dead)) {
                if let Some(key) = entry.started().map(DefinitionKey::of_started)
                    && !known.contains(&key)
                {
                    *unknown.entry(key).or_default() += 1;
                }
            }
        }
        unknown.into_iter().map(|(definition, sagas)| UnknownDefinition { definition, sagas }).collect()
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

    fn events_now(&self, after: EventsAfter) -> Vec<JournalEntry> {
        // Shards are read one after the other. An entry that is written meanwhile waits for the next call, lest one
        // in a later shard is seen and an earlier one, in a shard already read, is left out for good.
        let latest = self.position.load(Ordering::Relaxed);
        let mut entries = Vec::new();
        for shard in self.each_shard() {
            for (saga, entry) in &shard.sagas {
                let later = entry
                    .journal
                    .iter()
                    .filter(|(position, _)| *position > after.position && *position <= latest);
                entries.extend(later.map(|(position, record)| JournalEntry {
                    position: *position,
                    saga: *saga,
                    record: record.clone(),
                }));
            }
        }
        entries.sort_unstable_by_key(|entry| entry.position);
        entries.truncate(after.limit);
        entries
    }

    fn purge_now(&self, purge: &Purge) -> u64 {
        let mut purged = HashSet::new();
        for mut shard in self.each_shard() {
            let matching: Vec<SagaId> = shard
                .sagas
                .iter()
                .filter(|(_, entry)| {
                    let state = entry.head.state;
                    let is_passed =
                        || entry.journal.last().is_none_or(|(position, _)| self.outbox.is_passed(*position));
                    state.is_ended()
                        && purge.states.contains(&state)
                        && entry.updated_at < purge.ended_before
                        && is_passed()
                })
                .map(|(id, _)| *id)
                .take(purge.limit.saturating_sub(purged.len()))
                .collect();
            for saga in matching {
                self.forget(&mut shard, saga);
                purged.insert(saga);
            }
        }
        if !purged.is_empty() {
            lock(&self.ended).retain(|ended| !purged.contains(ended));
        }
        purged.len() as u64
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
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

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        let (now, worker) = (self.clock.now(), beat.worker);
        {
            let mut leases = lock(&self.leases);
            // One that has run out says the same as none.
            leases.retain(|_, lease| lease.until > now);
            let definitions = beat.definitions.clone();
            leases.insert(worker, Lease { until: now.saturating_add(beat.lease), definitions });
        }
        let mut requested = Vec::new();
        for shard in self.each_shard() {
            // What is open and has an owner, has requests.
            let is_own =
                |saga: &&SagaId| shard.sagas.get(saga).is_some_and(|entry| entry.head.owner == Some(worker));
            requested.extend(shard.open.iter().filter(is_own).copied());
        }
        ready(Heartbeat { now, requested })
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        lock(&self.leases).remove(&worker);
        ready(())
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let mut shard = self.shard(saga);
        let shard = &mut *shard;
        let number = shard.sagas.get_mut(&saga).filter(|entry| !entry.head.state.is_ended()).map(|entry| {
            let number = self.next_position();
            entry.requests.push((number, request.clone()));
            shard.open.insert(saga);
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
        ready(self.events_now(*after))
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

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        let now = self.clock.now();
        let leases = lock(&self.leases);
        let alive = leases.iter().filter(|(_, lease)| lease.until > now);
        ready(
            alive.map(|(worker, lease)| WorkerLease { worker: *worker, leased_until: lease.until }).collect(),
        )
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        ready(self.unknown_now())
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        let mut oldest: Option<Timestamp> = None;
        self.each_free(|_, entry| {
            let since = entry.waits_since();
            oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
        });
        ready(oldest)
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        lock(&self.shapes).extend(shapes.iter().map(|shape| (DefinitionKey::of_shape(shape), shape.clone())));
        ready(())
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        ready(lock(&self.shapes).get(key).cloned())
    }

    fn outbox(&self) -> Option<&dyn OutboxStore> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::hours;

    /// A saga of this worker, or of nobody.
    async fn saga_of(store: &MemoryStore, owner: Option<WorkerId>) -> SagaId {
        let started = SagaStarted {
            definition: "order".into(),
            version: 1,
            fingerprint: "0".parse().unwrap(),
            codec: "json".into(),
            labels: crate::Labels::new(),
            key: None,
            start_at: Timestamp::from_micros(0),
            deadline: None,
            owner,
            input: crate::Payload::EMPTY,
        };
        let head = crate::store::HeadChange { state: crate::SagaState::Running, owner, wake_at: None };
        let saga = SagaId::new();
        let events = vec![Event::SagaStarted(Box::new(started))];
        let append = Append { saga, expected: 0, events, head: Some(head), answered: None };
        store.append_one(&append).await.unwrap().unwrap();
        saga
    }

    #[tokio::test]
    async fn a_saga_that_another_worker_took_since_it_was_found_is_not_given_twice() {
        let store = MemoryStore::new();
        let saga = saga_of(&store, None).await;
        let claim = |worker| Claim { worker, definitions: None, limit: 9 };
        let (slow, quick) = (WorkerId::new(), WorkerId::new());
        store.heartbeat(&Beat::new(slow, hours(1))).await.unwrap();
        let found = store.find_free(&claim(slow));
        assert_eq!(found, [saga]);
        // Begins to live, and claims, between the two looks of the other.
        store.heartbeat(&Beat::new(quick, hours(1))).await.unwrap();
        assert_eq!(store.claim(&claim(quick)).await.unwrap(), [saga]);
        assert_eq!(store.take(&claim(slow), found), []);
        assert_eq!(store.instance(saga).await.unwrap().unwrap().owner, Some(quick));
    }

    #[tokio::test]
    async fn a_saga_whose_owner_renewed_its_lease_since_it_was_found_stays_with_it() {
        let store = MemoryStore::new();
        let (owner, other) = (WorkerId::new(), WorkerId::new());
        let saga = saga_of(&store, Some(owner)).await;
        let claim = Claim { worker: other, definitions: None, limit: 9 };
        let found = store.find_free(&claim);
        assert_eq!(found, [saga]);
        store.heartbeat(&Beat::new(owner, hours(1))).await.unwrap();
        assert_eq!(store.take(&claim, found), []);
    }

    #[tokio::test]
    async fn the_leases_of_dead_workers_are_forgotten() {
        let store = MemoryStore::new();
        for _ in 0..100 {
            store.heartbeat(&Beat::new(WorkerId::new(), Duration::ZERO)).await.unwrap();
        }
        let (last, retired) = (WorkerId::new(), WorkerId::new());
        store.heartbeat(&Beat::new(retired, hours(1))).await.unwrap();
        store.retire(retired).await.unwrap();
        store.heartbeat(&Beat::new(last, hours(1))).await.unwrap();
        assert_eq!(lock(&store.leases).keys().copied().collect::<Vec<_>>(), [last]);
    }
}
