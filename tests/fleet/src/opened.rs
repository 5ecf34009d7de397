//! Stores on a server, for tests whose processes die in name only.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use saga::machine::{Record, Request};
use saga::store::{
    Append, BoxFuture, Claim, Counts, EventsAfter, Heartbeat, JournalEntry, JournalStore, Purge, QueryStore,
    Refusal, SagaPage, StoreResult, StoreTraits,
};
use saga::testing::OpenStore;
use saga::{SagaFilter, SagaId, SagaInstance, Store, Timestamp, WorkerId};
use saga_postgres::PostgresStore;
use saga_redis::RedisOptions;

use crate::Kind;

/// The workers that beat in this life.
type Workers = Arc<Mutex<BTreeSet<WorkerId>>>;

/// Fresh stores on one server, a place of its own for each call.
#[derive(Debug)]
pub struct FreshStores {
    kind: Kind,
    url: String,
    count: AtomicUsize,
}

impl FreshStores {
    /// On the server at `url`.
    #[must_use]
    pub fn new(kind: Kind, url: String) -> Self {
        Self { kind, url, count: AtomicUsize::new(0) }
    }

    /// An empty store. It is opened anew after each death; then the leases of the dead are ended, for nobody has the time
    /// to wait for the server's clock.
    pub fn fresh(&self) -> OpenStore {
        let (kind, url) = (self.kind, self.url.clone());
        let place = format!("place_{}", self.count.fetch_add(1, Ordering::Relaxed));
        let workers = Workers::default();
        Box::new(move || {
            let (url, place, workers) = (url.clone(), place.clone(), Arc::clone(&workers));
            Box::pin(async move {
                let store: Arc<dyn Store> = match kind {
                    Kind::Postgres => {
                        let options = PostgresStore::builder(url).schema(place).pool_size(2);
                        Arc::new(options.without_wake_ups().open().await?)
                    }
                    Kind::Redis => Arc::new(RedisOptions::new(url).namespace(place).open().await?),
                };
                let dead = std::mem::take(&mut *workers.lock().unwrap_or_else(PoisonError::into_inner));
                for worker in dead {
                    store.retire(worker).await?;
                }
                Ok(Arc::new(Listed { inner: store, workers }) as Arc<dyn Store>)
            })
        })
    }
}

/// A store that remembers who beat.
struct Listed {
    inner: Arc<dyn Store>,
    workers: Workers,
}

impl JournalStore for Listed {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn traits(&self) -> StoreTraits {
        self.inner.traits()
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        self.inner.append(batch)
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        self.inner.load(saga)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        self.inner.claim(claim)
    }

    fn heartbeat(&self, worker: WorkerId, lease: Duration) -> BoxFuture<'_, StoreResult<Heartbeat>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker);
        self.inner.heartbeat(worker, lease)
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        self.inner.retire(worker)
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        self.inner.request(saga, request)
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        self.inner.requests(saga)
    }
}

impl QueryStore for Listed {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        self.inner.instance(saga)
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        self.inner.list(filter)
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        self.inner.events(after)
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        self.inner.counts()
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        self.inner.purge(purge)
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        self.inner.ping()
    }
}
