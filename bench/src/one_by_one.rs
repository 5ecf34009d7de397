//! The same store without group commit: each append is a commit of its own.

use saga::machine::{Record, Request};
use saga::store::{
    Append, Beat, BoxFuture, Claim, Counts, DefinitionKey, EventsAfter, Heartbeat, JournalEntry,
    JournalStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, StoreResult, StoreTraits,
    UnknownDefinition, WorkerLease,
};
use saga::{DefinitionShape, SagaId, Store, Timestamp, WorkerId};
use tokio::sync::Semaphore;

/// A store whose appends are commits of their own, so many at a time.
#[derive(Debug)]
pub struct OneByOne<S> {
    store: S,
    /// Else a store's own writer could gather what waits for it.
    turns: Semaphore,
}

impl<S: Store> OneByOne<S> {
    /// The store, with so many commits under way at a time.
    pub const fn new(store: S, beside: usize) -> Self {
        Self { store, turns: Semaphore::const_new(beside) }
    }
}

impl<S: Store> JournalStore for OneByOne<S> {
    fn name(&self) -> &'static str {
        "one by one"
    }

    fn traits(&self) -> StoreTraits {
        self.store.traits().without_batches()
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(batch.len());
            for append in batch {
                answers.push(self.append_one(append).await?);
            }
            Ok(answers)
        })
    }

    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        Box::pin(async move {
            let _turn = self.turns.acquire().await.expect("it is never closed");
            self.store.append_one(append).await
        })
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        self.store.load(saga)
    }

    fn load_all<'a>(&'a self, sagas: &'a [SagaId]) -> BoxFuture<'a, StoreResult<Vec<Vec<Record>>>> {
        self.store.load_all(sagas)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        self.store.claim(claim)
    }

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        self.store.heartbeat(beat)
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        self.store.retire(worker)
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        self.store.request(saga, request)
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        self.store.requests(saga)
    }
}

impl<S: Store> QueryStore for OneByOne<S> {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        self.store.instance(saga)
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        self.store.list(filter)
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        self.store.events(after)
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        self.store.counts()
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        self.store.purge(purge)
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        self.store.ping()
    }

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        self.store.workers()
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        self.store.unknown()
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        self.store.oldest_free()
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        self.store.describe(shapes)
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        self.store.shape(key)
    }
}
