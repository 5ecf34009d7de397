//! The store contract: an append-only journal for each saga, leases for workers, and queries.
//!
//! The engine needs a [`JournalStore`]; people and tools need a [`QueryStore`]. A backend is both, and passes the
//! laws of `saga::testing::store_tests!`.

mod append;
mod beat;
mod clock;
mod error;
mod instance;
mod memory;
pub mod outbox;
mod query;
mod wake;

use std::future::Future;
use std::pin::Pin;

pub use append::{Append, HeadChange, Refusal};
pub use beat::{Beat, Heartbeat};
pub use clock::Clock;
pub use error::StoreError;
pub use instance::SagaInstance;
pub use memory::MemoryStore;
pub use query::{
    Counts, Cursor, EventsAfter, JournalEntry, Purge, SagaFilter, SagaPage, Sort, UNKNOWN_LOOK_MAX,
    UnknownDefinition, WorkerLease,
};
pub use wake::{WakeUp, WakeUpSender, WakeUps};

pub use outbox::OutboxStore;
use serde::{Deserialize, Serialize};

use crate::machine::{Record, Request, SagaStarted};
use crate::{Definition, DefinitionShape, Fingerprint, SagaId, Timestamp, WorkerId};

/// A future behind a pointer, as the methods of a store return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a store's methods answer with.
pub type StoreResult<T> = Result<T, StoreError>;

/// A backend: everything below.
pub trait Store: JournalStore + QueryStore {}

impl<S: JournalStore + QueryStore> Store for S {}

/// What the engine needs of a store.
///
/// All times are the store's own: UTC, microseconds. A method whose future is dropped, or that returns an
/// [`Unavailable`](StoreError::Unavailable), may have done its work or not; never a part of one [`Append`].
pub trait JournalStore: Send + Sync + 'static {
    /// The backend's name, for logs.
    fn name(&self) -> &'static str;

    /// How appends are best written, and who else may have the store open.
    fn traits(&self) -> StoreTraits;

    /// Writes each append of `batch`, in order, in one durable commit: once it returned, each has its own answer,
    /// and those that were taken survive a crash of everything. One that is refused changes nothing and doesn't
    /// hinder the others. After an error, each append of the batch is there in whole or not at all.
    ///
    /// A store that tries again by itself may answer [`Conflict`](Refusal::Conflict) for what its first try wrote:
    /// whoever is refused reads the journal before it takes what is there for another's.
    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>>;

    /// [`append`](Self::append) for one.
    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        Box::pin(async move {
            let answers = self.append(std::slice::from_ref(append)).await?;
            answers.into_iter().next().ok_or_else(|| StoreError::broken("a batch of one got no answer"))
        })
    }

    /// The whole journal of a saga, in order; empty where there is no such saga.
    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>>;

    /// [`load`](Self::load) for many, in their order: a store that others share asks once.
    fn load_all<'a>(&'a self, sagas: &'a [SagaId]) -> BoxFuture<'a, StoreResult<Vec<Vec<Record>>>> {
        Box::pin(async move {
            let mut journals = Vec::with_capacity(sagas.len());
            for saga in sagas {
                journals.push(self.load(*saga).await?);
            }
            Ok(journals)
        })
    }

    /// Makes `claim.worker` the owner of up to `claim.limit` free sagas, and appends
    /// [`Claimed`](crate::machine::Event::Claimed) to each. No saga is given to two workers. A saga is free if it
    /// has not ended, its owner is none or has no running lease, and either it has an unanswered request, or it
    /// is not stuck and its wake-up time is not in the future. Those that wait longest come first.
    ///
    /// A worker has one claim under way at a time. A claim may tell again of a saga that an earlier one of the worker got:
    /// its answer may have been lost.
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>>;

    /// Renews the lease of `beat.worker`: for so long, by the store's clock, nobody takes its sagas, and what it knows
    /// is [known](QueryStore::unknown).
    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>>;

    /// Ends the lease of `worker`: all that it owns is free at once.
    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>>;

    /// Records a request for a saga; `None` where there is no such saga, or it has ended. Requests are kept until
    /// an append answers them, or the saga has ended: then nobody can.
    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>>;

    /// The unanswered requests of a saga with their numbers, in order.
    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>>;

    /// News from other processes, for a store that hears of them; else all is found by polling. They keep no store
    /// open.
    fn wake_ups(&self) -> Option<WakeUps> {
        None
    }
}

/// What people and tools ask of a store.
pub trait QueryStore: Send + Sync + 'static {
    /// One saga, by id.
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>>;

    /// A page of sagas. The pages of a list show no saga twice, and leave none out that was recorded before the first of
    /// them was read, however many come meanwhile. One that comes meanwhile may be left out: with the newest first each
    /// of those, with the oldest first one whose record was under way while the page was read, or that has the very time
    /// of the cursor. Whoever must miss none reads [`events`](Self::events).
    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>>;

    /// Entries of all journals in the order in which they were committed, for publishers: each saga's in order.
    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>>;

    /// How many sagas are in which state.
    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>>;

    /// Deletes ended sagas with all they have; returns how many. Never one that is active or stuck.
    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>>;

    /// Asks for a sign of life: the store's time.
    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>>;

    /// The workers whose lease runs, by the store's clock: who is alive, and would answer a request.
    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>>;

    /// The definitions of sagas that have not ended, that no worker with a running lease owns, and whose definition none
    /// of those knows, with how many sagas there are: nobody takes them up before somebody comes who knows them. In the
    /// order of their keys. Where more than [`UNKNOWN_LOOK_MAX`] sagas wait for a worker, or are stuck, a store may look
    /// at so many of each alone, those that have waited longest.
    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>>;

    /// Since when the saga waits that is free and waits longest, of whichever definition; `None` where none is free, in
    /// the sense of [`claim`](JournalStore::claim).
    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>>;

    /// Keeps the shapes of definitions, each under its key, in place of one that was there: so tools read journals
    /// without their code. They are kept for good.
    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>>;

    /// The shape that is kept under this key.
    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>>;

    /// The cursors of publishers; `None` for a store that keeps none, and so can have no publishers.
    fn outbox(&self) -> Option<&dyn OutboxStore> {
        None
    }
}

/// How a store is best used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreTraits {
    /// Whether one commit of many appends is cheaper than many commits.
    pub batches: bool,
    /// As many commits are under way at the same time: more than one where a commit is mostly a wait.
    pub batches_max: usize,
    /// Whether only one process at a time can have it open: then what that one doesn't know, nobody does.
    pub is_exclusive: bool,
}

impl StoreTraits {
    /// A store whose commits cost something, and that many processes share.
    #[must_use]
    pub const fn shared() -> Self {
        Self { batches: true, batches_max: 1, is_exclusive: false }
    }

    /// A store that one process at a time has open.
    #[must_use]
    pub const fn exclusive() -> Self {
        Self { batches: true, batches_max: 1, is_exclusive: true }
    }

    /// The same store, with so many commits under way at the same time; at least one.
    #[must_use]
    pub const fn with_batches_max(mut self, batches_max: usize) -> Self {
        self.batches_max = if batches_max == 0 { 1 } else { batches_max };
        self
    }

    /// The same store, but a commit costs nothing.
    #[must_use]
    pub const fn without_batches(mut self) -> Self {
        self.batches = false;
        self
    }
}

/// What a worker asks for when it looks for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// The definitions that it can drive; `None`: all, also unknown ones.
    pub definitions: Option<Vec<DefinitionKey>>,
    /// At most so many sagas.
    pub limit: usize,
}

impl Claim {
    /// Whether it found so much that there is more: a store that can wakes others, who are to have their part of it now
    /// and not with their next look. Few places that are taken one after another are nothing to wake anybody for.
    #[must_use]
    pub const fn leaves_much(&self, claimed: &[SagaId]) -> bool {
        self.limit >= 32 && claimed.len() >= self.limit
    }
}

/// What a saga must match to be driven: name, version and shape of its definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DefinitionKey {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
    /// The shape.
    pub fingerprint: Fingerprint,
}

impl DefinitionKey {
    /// The key of a definition.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let Definition { name, version, fingerprint, .. } = definition;
        Self { name: name.to_string(), version: *version, fingerprint: *fingerprint }
    }

    /// The key of the definition of this shape.
    #[must_use]
    pub fn of_shape(shape: &DefinitionShape) -> Self {
        Self { name: shape.name.clone(), version: shape.version, fingerprint: shape.fingerprint }
    }

    /// The key of the definition that a saga was started with, as its first event says.
    #[must_use]
    pub fn of_started(started: &SagaStarted) -> Self {
        let SagaStarted { definition, version, fingerprint, .. } = started;
        Self { name: definition.to_string(), version: *version, fingerprint: *fingerprint }
    }

    /// The key of the definition that a saga was started with.
    #[must_use]
    pub fn of_instance(instance: &SagaInstance) -> Self {
        let SagaInstance { definition, version, fingerprint, .. } = instance;
        Self { name: definition.clone(), version: *version, fingerprint: *fingerprint }
    }
}
