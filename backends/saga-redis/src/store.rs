//! The store: opening it, and its methods.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use saga::machine::{Record, Request, SagaState};
use saga::store::{
    Append, Beat, BoxFuture, Claim, Counts, DefinitionKey, EventsAfter, Heartbeat, JournalEntry,
    JournalStore, OutboxStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, StoreResult,
    StoreTraits, UnknownDefinition, WakeUps, WorkerLease,
};
use saga::{DefinitionShape, SagaId, StoreError, Timestamp, WorkerId};

use crate::claim::Claims;
use crate::durability::{self, Durability};
use crate::link::{Kind, Link};
use crate::options::RedisOptions;
use crate::partitions::Partitions;
use crate::rows;
use crate::script::{Call, Script};
use crate::wake::Wakes;

/// The sagas of many processes, in one Redis.
pub struct RedisStore {
    pub(crate) shared: Shared,
    durability: Durability,
}

/// What all operations use.
pub(crate) struct Shared {
    pub(crate) link: Arc<Link>,
    pub(crate) wakes: Option<Wakes>,
    pub(crate) partitions: Partitions,
    pub(crate) key_grace: Duration,
    /// The latest time that this process has seen, in microseconds: none that it sees later is earlier.
    pub(crate) seen: AtomicI64,
    claims: Mutex<Claims>,
    pub(crate) heals: AtomicUsize,
    heal_from: Mutex<HashMap<u16, String>>,
}

/// The layout of what is stored.
const LAYOUT: u32 = 1;

/// Partitions of a new store in a cluster.
const PARTITIONS_IN_CLUSTER: u16 = 16;

impl RedisStore {
    /// Connects to the server or the cluster at `url`, with the default [options](RedisOptions).
    ///
    /// # Errors
    ///
    /// Those of [`RedisOptions::open`].
    pub async fn connect(url: impl Into<String>) -> StoreResult<Self> {
        RedisOptions::new(url).open().await
    }

    pub(crate) async fn open_with(options: RedisOptions) -> StoreResult<Self> {
        let namespace = &options.namespace;
        if namespace.is_empty() || namespace.contains(['{', '}']) {
            return Err(StoreError::unusable(format!(
                "`{namespace}` cannot be a namespace: it must not be empty, nor have `{{` or `}}`"
            )));
        }
        let mut link = Link::open(&options).await?;
        refuse_replica(&link).await?;
        let first = Partitions::new(namespace, 1);
        link.locate(&[first.clock(0)]).await?;
        if options.is_existing {
            must_exist(&link, &first, namespace).await?;
        }
        let default = if link.is_cluster() { PARTITIONS_IN_CLUSTER } else { 1 };
        let count = settle_layout(&link, &first, options.partitions, default).await?;
        let mut link = Link::open(&options).await?;
        let partitions = Partitions::new(namespace, count);
        let clocks: Vec<&str> = partitions.all().map(|partition| partitions.clock(partition)).collect();
        link.locate(&clocks).await?;
        let durability = durability::read(&link).await?;
        durability::warn(&durability);
        let link = Arc::new(link);
        let wakes = options.has_wake_ups.then(|| Wakes::begin(&link, partitions.channel()));
        let shared = Shared {
            link,
            wakes,
            partitions,
            key_grace: options.key_grace,
            seen: AtomicI64::new(0),
            claims: Mutex::default(),
            heals: AtomicUsize::new(0),
            heal_from: Mutex::default(),
        };
        Ok(Self { shared, durability })
    }

    /// What acknowledged writes survive, by the servers' settings when the store was opened.
    #[must_use]
    pub const fn durability(&self) -> &Durability {
        &self.durability
    }

    /// Mends the indexes of all partitions: entries that lead nowhere go, missing ones come back. Each heartbeat does a
    /// small part of this; the whole is for after somebody else deleted or restored keys. It takes about a second for
    /// 100,000 events, and holds nobody up for long.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where a server does not answer; what was mended stays so.
    pub async fn heal(&self) -> StoreResult<()> {
        const BATCH: usize = 256;
        for partition in self.shared.partitions.all() {
            self.shared.heal_from().remove(&partition);
            while !self.shared.heal(partition, BATCH).await? {}
        }
        Ok(())
    }
}

async fn must_exist(link: &Link, first: &Partitions, namespace: &str) -> StoreResult<()> {
    let call = Call::command(0, "EXISTS").with(format!("{}layout", first.prefix(0)));
    match rows::read::<u32>(link.call(&call, Kind::Read).await?)? {
        0 => Err(StoreError::unusable(format!(
            "the namespace `{namespace}` has no sagas: name another server, database or namespace, or migrate it"
        ))),
        _ => Ok(()),
    }
}

/// The number of partitions: what is stored, else what is asked for.
async fn settle_layout(
    link: &Link,
    first: &Partitions,
    asked: Option<u16>,
    default: u16,
) -> StoreResult<u16> {
    let key = format!("{}layout", first.prefix(0));
    let set = async |field: &str, value: u32| {
        let call = Call::command(0, "HSETNX").with(&key).with(field).with(value);
        link.call(&call, Kind::Repeatable).await?;
        let call = Call::command(0, "HGET").with(&key).with(field);
        rows::read::<u32>(link.call(&call, Kind::Read).await?)
    };
    let layout = set("version", LAYOUT).await?;
    if layout != LAYOUT {
        return Err(StoreError::unusable(format!(
            "the namespace has the layout {layout}, this program knows {LAYOUT}: deploy a newer one"
        )));
    }
    let stored = set("partitions", u32::from(asked.unwrap_or(default))).await?;
    match asked {
        Some(asked) if u32::from(asked) != stored => Err(StoreError::unusable(format!(
            "the namespace has {stored} partitions, not {asked}: the number cannot be changed, use another namespace"
        ))),
        _ => u16::try_from(stored)
            .ok()
            .filter(|stored| *stored > 0)
            .ok_or_else(|| StoreError::broken("the layout has no partitions")),
    }
}

async fn refuse_replica(link: &Link) -> StoreResult<()> {
    for node in link.masters().into_iter().filter(|_| !link.is_cluster()) {
        let info = link.text(&node, redis::cmd("INFO").arg("replication")).await?;
        if info.contains("role:slave") {
            return Err(StoreError::unusable(format!(
                "{} is a replica and takes no writes: name the master's address",
                node.address
            )));
        }
    }
    Ok(())
}

impl Shared {
    /// A call of a script, to be given its arguments.
    pub(crate) fn script(&self, script: &Script, partition: u16) -> Call {
        Call::script(script, partition, self.partitions.clock(partition), self.seen().as_micros())
    }

    /// Tells other processes where an append left work for them.
    fn tell_of(&self, batch: &[Append], answers: &[Result<Timestamp, Refusal>]) {
        let Some(wakes) = &self.wakes else { return };
        let leaves_work = |(append, answer): (&Append, &Result<Timestamp, Refusal>)| {
            let (Some(head), Ok(at)) = (append.head, answer) else { return false };
            let rests = head.state.is_ended() || head.state == SagaState::Stuck;
            head.owner.is_none() && !rests && head.wake_at.is_none_or(|wake_at| wake_at <= *at)
        };
        if batch.iter().zip(answers).any(leaves_work) {
            wakes.work();
        }
    }

    pub(crate) fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn heal_from(&self) -> MutexGuard<'_, HashMap<u16, String>> {
        self.heal_from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("partitions", &self.shared.partitions.count())
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// As many batches are under way at the same time: the next one is spelled and sent while the server works.
const BATCHES_MAX: usize = 2;

impl JournalStore for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits::shared().with_batches_max(BATCHES_MAX)
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(async move {
            let answers = self.shared.append(batch).await?;
            self.shared.tell_of(batch, &answers);
            Ok(answers)
        })
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        Box::pin(self.shared.load(saga))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        Box::pin(async move {
            let claimed = self.shared.claim(claim).await?;
            if let Some(wakes) = &self.shared.wakes
                && claim.leaves_much(&claimed)
            {
                wakes.work();
            }
            Ok(claimed)
        })
    }

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        Box::pin(self.shared.heartbeat(beat))
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.shared.retire(worker))
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        Box::pin(self.shared.request(saga, request))
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        Box::pin(self.shared.requests(saga))
    }

    fn wake_ups(&self) -> Option<WakeUps> {
        self.shared.wakes.as_ref().map(Wakes::heard)
    }
}

impl QueryStore for RedisStore {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        Box::pin(self.shared.instance(saga))
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        Box::pin(self.shared.list(filter))
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        Box::pin(self.shared.events(after))
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(self.shared.counts())
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        Box::pin(self.shared.purge(purge))
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        Box::pin(self.shared.ping())
    }

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        Box::pin(self.shared.workers())
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        Box::pin(self.shared.unknown())
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        Box::pin(self.shared.oldest_free())
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.shared.describe(shapes))
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        Box::pin(self.shared.shape(key))
    }

    fn outbox(&self) -> Option<&dyn OutboxStore> {
        Some(self)
    }
}
