//! The store: opening it, and its methods, each one statement.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::Pool;
use saga::machine::{Record, Request};
use saga::store::{
    Append, Beat, BoxFuture, Claim, Counts, DefinitionKey, EventsAfter, Heartbeat, JournalEntry,
    JournalStore, OutboxStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, StoreResult,
    StoreTraits, UnknownDefinition, WakeUps, WorkerLease,
};
use saga::{DefinitionShape, SagaId, Timestamp, WorkerId};

use crate::database::Database;
use crate::options::{PostgresOptions, Source, WakeUpsFrom};
use crate::start::LastNotified;
use crate::wake::Wakes;
use crate::{append, claim, connect, list, queries, schema, shapes};

/// The sagas of many processes, in one `PostgreSQL` database. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) database: Arc<Database>,
    pub(crate) wakes: Option<(Wakes, WakeUps)>,
    pub(crate) last_notified: LastNotified,
}

impl PostgresStore {
    /// Connects to `url`, such as `postgres://user:password@host:5432/database`, with the default
    /// [options](PostgresOptions).
    ///
    /// # Errors
    ///
    /// Those of [`PostgresOptions::open`].
    pub async fn connect(url: impl Into<String>) -> StoreResult<Self> {
        Self::builder(url).open().await
    }

    /// Options, to connect to `url`.
    pub fn builder(url: impl Into<String>) -> PostgresOptions {
        PostgresOptions::new(Source::Url(url.into()))
    }

    /// Options, to use a pool of yours. No connection of it is held while a step runs; a few for short are enough.
    pub fn over(pool: Pool) -> PostgresOptions {
        PostgresOptions::new(Source::Pool(pool))
    }

    pub(crate) async fn open_with(options: PostgresOptions) -> StoreResult<Self> {
        let (pool, place) = connect::pool(&options)?;
        let listen = match (&options.wake_ups, &options.source) {
            (WakeUpsFrom::Source, Source::Url(url)) | (WakeUpsFrom::Url(Source::Url(url)), _) => {
                Some(connect::config(url, &options)?)
            }
            _ => None,
        };
        let database = Arc::new(Database {
            pool,
            schema: schema::quoted(&options.schema)?,
            place,
            statement_timeout: options.statement_timeout,
            retries: options.retries,
            backoff: options.backoff,
        });
        let ready = if options.is_existing {
            schema::check_current(&database).await
        } else {
            schema::migrate(&database).await
        };
        ready.map_err(|error| error.told(&database.place))?;
        let wakes = listen.map(|config| Wakes::begin(&database, &options, config));
        Ok(Self { shared: Arc::new(Shared { database, wakes, last_notified: LastNotified::default() }) })
    }

    fn database(&self) -> &Database {
        &self.shared.database
    }

    pub(crate) fn wakes(&self) -> Option<&Wakes> {
        self.shared.wakes.as_ref().map(|(wakes, _)| wakes)
    }

    /// Tells other processes where an append left work for them.
    fn tell_of(&self, batch: &[Append], answers: &[Result<Timestamp, Refusal>]) {
        let Some(wakes) = self.wakes() else { return };
        let leaves_work = |(append, answer): (&Append, &Result<Timestamp, Refusal>)| {
            let (Some(head), Ok(at)) = (append.head, answer) else { return false };
            let rests = head.state.is_ended() || head.state == saga::SagaState::Stuck;
            head.owner.is_none() && !rests && head.wake_at.is_none_or(|wake_at| wake_at <= *at)
        };
        if batch.iter().zip(answers).any(leaves_work) {
            wakes.work();
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.shared.database.place)
            .field("schema", &self.shared.database.schema)
            .finish_non_exhaustive()
    }
}

/// As many commits are under way at the same time: the disk has something to do while the server looks at the next batch.
/// Measured on two cores: a fourth gains nothing.
const BATCHES_MAX: usize = 3;

impl JournalStore for PostgresStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits::shared().with_batches_max(BATCHES_MAX)
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(async move {
            let answers = append::append(self.database(), batch).await?;
            self.tell_of(batch, &answers);
            Ok(answers)
        })
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        Box::pin(queries::load(self.database(), saga))
    }

    fn load_all<'a>(&'a self, sagas: &'a [SagaId]) -> BoxFuture<'a, StoreResult<Vec<Vec<Record>>>> {
        Box::pin(queries::load_all(self.database(), sagas))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        Box::pin(async move {
            let claimed = claim::claim(self.database(), claim).await?;
            if let Some(wakes) = self.wakes()
                && claim.leaves_much(&claimed)
            {
                wakes.work();
            }
            Ok(claimed)
        })
    }

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        if let Some(wakes) = self.wakes() {
            wakes.enter(beat.worker);
        }
        Box::pin(claim::heartbeat(self.database(), beat))
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            let wakes = self.wakes();
            claim::retire(self.database(), worker, wakes.map(Wakes::channel)).await?;
            if let Some(wakes) = wakes {
                wakes.leave(worker);
            }
            Ok(())
        })
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        Box::pin(async move {
            let Some((number, owner)) = queries::request(self.database(), saga, request).await? else {
                return Ok(None);
            };
            match (self.wakes(), owner) {
                (Some(wakes), Some(owner)) => wakes.request(owner),
                (Some(wakes), None) => wakes.work(),
                (None, _) => {}
            }
            Ok(Some(number))
        })
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        Box::pin(queries::requests(self.database(), saga))
    }

    fn wake_ups(&self) -> Option<WakeUps> {
        self.shared.wakes.as_ref().map(|(_, wake_ups)| wake_ups.clone())
    }
}

impl QueryStore for PostgresStore {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        Box::pin(queries::instance(self.database(), saga))
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        Box::pin(list::list(self.database(), filter))
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        Box::pin(queries::events(self.database(), *after))
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(queries::counts(self.database()))
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        Box::pin(queries::purge(self.database(), purge))
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        Box::pin(queries::ping(self.database()))
    }

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        Box::pin(shapes::workers(self.database()))
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        Box::pin(shapes::unknown(self.database()))
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        Box::pin(claim::oldest_free(self.database()))
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(shapes::describe(self.database(), shapes))
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        Box::pin(shapes::shape(self.database(), key))
    }

    fn outbox(&self) -> Option<&dyn OutboxStore> {
        Some(self)
    }
}
