//! Claims and leases.

use std::collections::HashMap;

use futures_util::future::join_all;
use redis::Value;
use saga::machine::Event;
use saga::store::{Beat, Claim, DefinitionKey, Heartbeat, StoreResult};
use saga::{SagaId, StoreError, Timestamp, WorkerId};

use crate::link::Kind;
use crate::rows;
use crate::script::{CLAIM, Call, HEARTBEAT, RETIRE};
use crate::shapes::shape;
use crate::store::Shared;

/// What a worker has heard of its claims in one partition.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    /// Of the latest claim whose answer came.
    token: String,
    /// A claim after that was sent, and its answer may be lost.
    is_unsure: bool,
}

/// By worker, for each partition.
pub(crate) type Claims = HashMap<WorkerId, Vec<Heard>>;

/// As often as all that was found went to others, it is looked again.
const ROUNDS_MAX: u32 = 3;

/// A lease is no longer, in microseconds: some 140 years, what the server can count.
const LEASE_MAX: u128 = 1 << 52;

impl Shared {
    pub(crate) async fn claim(&self, claim: &Claim) -> StoreResult<Vec<SagaId>> {
        if claim.limit == 0 {
            return Ok(Vec::new());
        }
        if self.partitions.count() == 1 {
            let call = self.claim_call(0, "both", claim, claim.limit);
            return self.take(claim.worker, 0, with_definitions(call, claim)).await;
        }
        for _ in 0..ROUNDS_MAX {
            let found: Vec<(u16, SagaId)> =
                self.find(claim).await?.into_iter().map(|(_, saga, at)| (at, saga)).collect();
            if found.is_empty() && !self.is_unsure(claim.worker) {
                return Ok(Vec::new());
            }
            let claimed = self.take_found(claim, &found).await?;
            if !claimed.is_empty() || found.is_empty() {
                return Ok(claimed);
            }
        }
        Ok(Vec::new())
    }

    /// Since when the free saga waits that waits longest.
    pub(crate) async fn oldest_free(&self) -> StoreResult<Option<Timestamp>> {
        // Nobody is a worker of this id: nothing is claimed for it.
        let claim = Claim { worker: WorkerId::from_bytes([0; 16]), definitions: None, limit: 1 };
        #[expect(clippy::cast_possible_truncation, reason = "a script counts whole microseconds")]
        let first = |(since, ..): &(f64, SagaId, u16)| Timestamp::from_micros(*since as i64);
        Ok(self.find(&claim).await?.first().map(first))
    }

    /// The free sagas of all partitions that wait longest, in their order: since when, which, and where.
    async fn find(&self, claim: &Claim) -> StoreResult<Vec<(f64, SagaId, u16)>> {
        let finding = self.partitions.all().map(async |partition| {
            let call = self.script(&CLAIM, partition);
            let call = call.with("find").with(claim.worker.to_string()).with(claim.limit);
            let call = with_definitions(call, claim);
            let answer: Vec<String> = rows::read(self.link.call(&call, Kind::Repeatable).await?)?;
            let found = answer
                .chunks_exact(2)
                .map(|pair| Ok((rows::parse::<f64>(&pair[0])?, rows::parse::<SagaId>(&pair[1])?, partition)));
            found.collect::<StoreResult<Vec<_>>>()
        });
        let mut free = Vec::new();
        for found in join_all(finding).await {
            free.extend(found?);
        }
        free.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        free.truncate(claim.limit);
        Ok(free)
    }

    /// Claims what was found, and hears again of what it has claimed and not heard of.
    async fn take_found(&self, claim: &Claim, found: &[(u16, SagaId)]) -> StoreResult<Vec<SagaId>> {
        let taking = self.partitions.all().filter_map(|partition| {
            let ids: Vec<SagaId> =
                found.iter().filter(|(at, _)| *at == partition).map(|(_, saga)| *saga).collect();
            if ids.is_empty() && !self.heard(claim.worker, partition).is_unsure {
                return None;
            }
            let mut call = self.claim_call(partition, "take", claim, ids.len());
            for id in &ids {
                call.push(id.to_string());
            }
            Some(self.take(claim.worker, partition, call))
        });
        let mut claimed = Vec::new();
        let mut failed = None;
        for taken in join_all(taking).await {
            match taken {
                Ok(taken) => claimed.extend(taken),
                Err(error) => failed = Some(error),
            }
        }
        // What was claimed is driven; of the rest it is heard with the next claim.
        if let Some(error) = failed.filter(|_| claimed.is_empty()) {
            return Err(error);
        }
        let place = |saga: &SagaId| found.iter().position(|(_, other)| other == saga);
        claimed.sort_by_key(|saga| place(saga).unwrap_or(usize::MAX));
        Ok(claimed)
    }

    fn claim_call(&self, partition: u16, mode: &str, claim: &Claim, limit: usize) -> Call {
        self.script(&CLAIM, partition)
            .with(mode)
            .with(claim.worker.to_string())
            .with(limit)
            .with(rows::entry(&Event::Claimed { worker: claim.worker }))
            .with(self.heard(claim.worker, partition).token)
            .with(SagaId::new().to_string())
    }

    async fn take(&self, worker: WorkerId, partition: u16, call: Call) -> StoreResult<Vec<SagaId>> {
        let before = self.heard(worker, partition).token;
        self.hear(worker, partition, Heard { token: before, is_unsure: true });
        // Sent again with the same token, it is answered with what it claimed the first time.
        let mut answer = rows::list(self.link.call(&call, Kind::Repeatable).await?)?.into_iter();
        let token: String = rows::read(answer.next().unwrap_or(Value::Nil))?;
        let claimed: Vec<String> = rows::read(answer.next().unwrap_or(Value::Nil))?;
        self.hear(worker, partition, Heard { token, is_unsure: false });
        claimed.iter().map(|id| rows::parse(id)).collect()
    }

    fn heard(&self, worker: WorkerId, partition: u16) -> Heard {
        let claims = self.claims();
        claims.get(&worker).and_then(|heard| heard.get(usize::from(partition))).cloned().unwrap_or_default()
    }

    fn is_unsure(&self, worker: WorkerId) -> bool {
        self.claims().get(&worker).is_some_and(|heard| heard.iter().any(|heard| heard.is_unsure))
    }

    fn hear(&self, worker: WorkerId, partition: u16, heard: Heard) {
        let count = usize::from(self.partitions.count());
        let mut claims = self.claims();
        claims.entry(worker).or_insert_with(|| vec![Heard::default(); count])[usize::from(partition)] = heard;
    }

    pub(crate) async fn heartbeat(&self, beat: &Beat) -> StoreResult<Heartbeat> {
        if let Some(wakes) = &self.wakes {
            wakes.enter(beat.worker);
        }
        let micros = u64::try_from(beat.lease.as_micros().min(LEASE_MAX)).unwrap_or(u64::MAX);
        let beating = self.partitions.all().map(async |partition| {
            let call = self.script(&HEARTBEAT, partition).with(beat.worker.to_string()).with(micros);
            let call = with_shapes(call, &beat.definitions);
            let mut answer = rows::list(self.link.call(&call, Kind::Repeatable).await?)?.into_iter();
            let now = rows::time(answer.next().unwrap_or(Value::Nil))?;
            let asked: Vec<String> = rows::read(answer.next().unwrap_or(Value::Nil))?;
            Ok::<_, StoreError>((now, asked))
        });
        let mut heartbeat = Heartbeat { now: self.seen(), requested: Vec::new() };
        // Each partition is told, also where another cannot be reached.
        for beat in join_all(beating).await {
            let (now, asked) = beat?;
            heartbeat.now = heartbeat.now.max(now);
            for id in asked {
                heartbeat.requested.push(rows::parse(&id)?);
            }
        }
        self.see(heartbeat.now);
        self.heal_a_little().await;
        Ok(heartbeat)
    }

    pub(crate) async fn retire(&self, worker: WorkerId) -> StoreResult<()> {
        let retiring = self.partitions.all().map(async |partition| {
            let call = self.script(&RETIRE, partition).with(worker.to_string());
            self.link.call(&call, Kind::Repeatable).await
        });
        for retired in join_all(retiring).await {
            retired?;
        }
        self.claims().remove(&worker);
        if let Some(wakes) = &self.wakes {
            wakes.leave(worker);
            wakes.work();
        }
        Ok(())
    }

    pub(crate) fn see(&self, at: Timestamp) {
        self.seen.fetch_max(at.as_micros(), std::sync::atomic::Ordering::AcqRel);
    }

    pub(crate) fn seen(&self) -> Timestamp {
        Timestamp::from_micros(self.seen.load(std::sync::atomic::Ordering::Acquire))
    }
}

/// Adds what the worker can drive: how many, and each as the index calls it.
fn with_definitions(call: Call, claim: &Claim) -> Call {
    match &claim.definitions {
        Some(definitions) => with_shapes(call, definitions),
        None => call.with(-1),
    }
}

fn with_shapes(mut call: Call, definitions: &[DefinitionKey]) -> Call {
    call.push(definitions.len());
    for key in definitions {
        call.push(shape(key));
    }
    call
}
