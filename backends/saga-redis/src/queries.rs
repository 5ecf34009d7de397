//! Journals, instances, requests, the stream of all events, counts, and what is deleted.

use std::sync::atomic::Ordering;

use futures_util::future::{join_all, try_join_all};
use redis::Value;
use saga::machine::{Record, Request, SagaState};
use saga::store::{Counts, EventsAfter, JournalEntry, Purge, SagaInstance, StoreResult};
use saga::{SagaId, StoreError, Timestamp};

use crate::key::KeyRecord;
use crate::link::Kind;
use crate::rows;
use crate::script::{COUNTS, Call, ENDED, EVENTS, HEAL, LATEST, PURGE, REQUEST, TIME};
use crate::store::Shared;

/// As many sagas are deleted by one script, so that others don't wait for long.
const PURGE_BATCH: usize = 64;

/// As many entries of the log are looked at with a heartbeat.
const HEAL_BATCH: usize = 64;

/// An event's position is the time of its place in its partition's log, and the partition: 8 bits.
pub(crate) const PARTITION_BITS: u32 = 8;

/// Places beyond are not given out; a script can count to here.
const PLACE_MAX: u64 = 1 << 53;

impl Shared {
    pub(crate) async fn load(&self, saga: SagaId) -> StoreResult<Vec<Record>> {
        let key = self.partitions.key("journal", saga);
        let call = Call::command(self.partitions.of(saga), "LRANGE").with(key).with(0).with(-1);
        let entries = rows::list(self.link.call(&call, Kind::Read).await?)?;
        entries.into_iter().zip(0..).map(|(entry, sequence)| rows::record(sequence, &bytes(entry)?)).collect()
    }

    pub(crate) async fn instance(&self, saga: SagaId) -> StoreResult<Option<SagaInstance>> {
        let key = self.partitions.key("head", saga);
        let call = Call::command(self.partitions.of(saga), "HGETALL").with(key);
        match self.link.call(&call, Kind::Read).await? {
            Value::Array(fields) if fields.is_empty() => Ok(None),
            head => rows::instance(saga, head).map(Some),
        }
    }

    pub(crate) async fn request(&self, saga: SagaId, request: &Request) -> StoreResult<Option<u64>> {
        let encoded =
            serde_json::to_string(request).map_err(|error| StoreError::broken(error.to_string()))?;
        let call = self.script(&REQUEST, self.partitions.of(saga)).with(saga.to_string()).with(encoded);
        let Some((number, owner)): Option<(u64, String)> =
            rows::read(self.link.call(&call, Kind::Once).await?)?
        else {
            return Ok(None);
        };
        if let Some(wakes) = &self.wakes {
            // It is recorded, whatever comes of the wake-up.
            match owner.parse() {
                Ok(owner) => wakes.request(owner),
                Err(_) => wakes.work(),
            }
        }
        Ok(Some(number))
    }

    pub(crate) async fn requests(&self, saga: SagaId) -> StoreResult<Vec<(u64, Request)>> {
        let key = self.partitions.key("requests", saga);
        let call = Call::command(self.partitions.of(saga), "HGETALL").with(key);
        let fields: Vec<String> = rows::read(self.link.call(&call, Kind::Read).await?)?;
        let mut requests = Vec::with_capacity(fields.len() / 2);
        for pair in fields.chunks_exact(2) {
            let number = rows::parse(&pair[0])?;
            let request = serde_json::from_str(&pair[1]).map_err(|error| {
                StoreError::broken(format!("request {number} of saga {saga} cannot be read: {error}"))
            })?;
            requests.push((number, request));
        }
        requests.sort_unstable_by_key(|(number, _)| *number);
        Ok(requests)
    }

    /// Each partition has a log of its own. What is returned goes up to the last entry that any of them had in the
    /// beginning, and each takes note, as it is read, that all that it gets from now on is later than that: so nothing
    /// can come before a position that was told.
    pub(crate) async fn events(&self, after: &EventsAfter) -> StoreResult<Vec<JournalEntry>> {
        let upto = if self.partitions.count() == 1 { None } else { Some(self.latest().await?) };
        let (place, behind) = (after.position >> PARTITION_BITS, after.position & 0xff);
        if after.limit == 0 || place >= PLACE_MAX || upto.is_some_and(|upto| upto < place) {
            return Ok(Vec::new());
        }
        let reading = self.partitions.all().map(async |partition| {
            let from = if u64::from(partition) > behind { place } else { place + 1 };
            let call = self.script(&EVENTS, partition).with(from);
            let call =
                call.with(upto.map_or_else(|| "+".to_owned(), |upto| upto.to_string())).with(after.limit);
            let mut entries = Vec::new();
            for entry in rows::list(self.link.call(&call, Kind::Repeatable).await?)? {
                let [place, saga, sequence, record]: [Value; 4] = rows::list(entry)?
                    .try_into()
                    .map_err(|_| StoreError::broken("an entry of the log has not four parts"))?;
                let place: u64 = rows::parsed(place)?;
                entries.push(JournalEntry {
                    position: (place << PARTITION_BITS) | u64::from(partition),
                    saga: rows::parsed(saga)?,
                    record: rows::record(rows::parsed(sequence)?, &bytes(record)?)?,
                });
            }
            Ok::<_, StoreError>(entries)
        });
        let mut entries: Vec<JournalEntry> = try_join_all(reading).await?.into_iter().flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.position);
        entries.truncate(after.limit);
        Ok(entries)
    }

    /// The place of the last entry in any partition.
    async fn latest(&self) -> StoreResult<u64> {
        let reading = self.partitions.all().map(async |partition| {
            rows::parsed::<u64>(self.link.call(&self.script(&LATEST, partition), Kind::Read).await?)
        });
        Ok(try_join_all(reading).await?.into_iter().max().unwrap_or(0))
    }

    pub(crate) async fn counts(&self) -> StoreResult<Counts> {
        let counting = self
            .partitions
            .all()
            .map(async |partition| self.link.call(&self.script(&COUNTS, partition), Kind::Read).await);
        let mut counts = Counts::new();
        for answer in try_join_all(counting).await? {
            let answer: Vec<String> = rows::read(answer)?;
            for pair in answer.chunks_exact(2) {
                let count: u64 = rows::parse(&pair[1])?;
                if count > 0 {
                    *counts.entry(rows::parse::<SagaState>(&pair[0])?).or_default() += count;
                }
            }
        }
        Ok(counts)
    }

    pub(crate) async fn purge(&self, purge: &Purge) -> StoreResult<u64> {
        let mut purged = 0;
        for partition in self.partitions.all() {
            loop {
                let limit = purge.limit.saturating_sub(purged).min(PURGE_BATCH);
                if limit == 0 {
                    return Ok(purged as u64);
                }
                let found = self.ended(partition, purge, limit).await?;
                let taken = if found.is_empty() { 0 } else { self.purge_these(partition, &found).await? };
                purged += taken;
                // Others purge too: what is gone already doesn't count, but there may be more.
                if found.len() < limit {
                    break;
                }
            }
        }
        Ok(purged as u64)
    }

    async fn ended(
        &self,
        partition: u16,
        purge: &Purge,
        limit: usize,
    ) -> StoreResult<Vec<(SagaId, Option<KeyRecord>)>> {
        let mut states: Vec<&str> =
            purge.states.iter().filter(|state| state.is_ended()).map(|state| state.as_str()).collect();
        states.sort_unstable();
        states.dedup();
        let passed = self.passed_place(partition).await?.unwrap_or(PLACE_MAX);
        let mut call = self.script(&ENDED, partition);
        call.push(purge.ended_before.as_micros());
        call.push(limit);
        call.push(passed);
        call.push(states.len());
        for state in states {
            call.push(state);
        }
        let mut found = Vec::new();
        for saga in rows::list(self.link.call(&call, Kind::Repeatable).await?)? {
            let parts: Vec<String> = rows::read(saga)?;
            let [id, definition, key @ ..] = &parts[..] else {
                return Err(StoreError::broken("a saga that ended has no definition"));
            };
            let key = key.first().map(|key| KeyRecord::new(definition, key, &self.partitions));
            found.push((rows::parse(id)?, key));
        }
        Ok(found)
    }

    async fn purge_these(&self, partition: u16, found: &[(SagaId, Option<KeyRecord>)]) -> StoreResult<usize> {
        let is_here = |key: &&KeyRecord| key.partition == partition;
        let mut call = self.script(&PURGE, partition).with(found.len());
        for (saga, key) in found {
            if let Some(key) = key.as_ref().filter(|key| !is_here(key)) {
                self.release(key, *saga).await?;
            }
            call.push(saga.to_string());
            call.push(key.as_ref().filter(is_here).map_or("", |key| &key.name));
        }
        rows::read(self.link.call(&call, Kind::Once).await?)
    }

    /// Frees the key of a saga that is about to go.
    async fn release(&self, key: &KeyRecord, saga: SagaId) -> StoreResult<()> {
        let (holder, _) = self.exchange(key, "-", "").await?;
        if holder.starts_with(&saga.to_string()) {
            self.exchange(key, &holder, "").await?;
        }
        Ok(())
    }

    pub(crate) async fn ping(&self) -> StoreResult<Timestamp> {
        let asking = self
            .partitions
            .all()
            .map(async |partition| self.link.call(&self.script(&TIME, partition), Kind::Read).await);
        for answer in join_all(asking).await {
            let now = rows::list(answer?)?.into_iter().next().unwrap_or(Value::Nil);
            self.see(rows::time(now)?);
        }
        Ok(self.seen())
    }

    /// Mends a few index entries of one partition after the other.
    pub(crate) async fn heal_a_little(&self) {
        let turn = self.heals.fetch_add(1, Ordering::Relaxed);
        let partition = u16::try_from(turn % usize::from(self.partitions.count())).unwrap_or(0);
        if let Err(error) = self.heal(partition, HEAL_BATCH).await {
            tracing::debug!(%error, partition, "the indexes cannot be looked at");
        }
    }

    /// Goes on where it ended the last time; whether it came to the end of the partition's log.
    pub(crate) async fn heal(&self, partition: u16, limit: usize) -> StoreResult<bool> {
        let from = self.heal_from().get(&partition).cloned().unwrap_or_default();
        let call = self.script(&HEAL, partition).with(from).with(limit);
        let next: String = rows::read(self.link.call(&call, Kind::Repeatable).await?)?;
        let is_over = next.is_empty();
        self.heal_from().insert(partition, next);
        Ok(is_over)
    }
}

fn bytes(value: Value) -> StoreResult<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => rows::read(other),
    }
}
