//! A store that fails, or dies, at the calls that a test names.

use std::fmt;
use std::sync::Arc;

use super::faults::{Access, Faults, Harm, Moment};
use super::watch::Watch;
use crate::machine::{Record, Request};
use crate::store::{
    Append, Beat, BoxFuture, Claim, Counts, DefinitionKey, EventsAfter, Heartbeat, JournalEntry,
    JournalStore, OutboxStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, Store,
    StoreError, StoreResult, StoreTraits, UnknownDefinition, WorkerLease,
};
use crate::{Definition, DefinitionShape, SagaId, Timestamp, WorkerId};

/// A store over another that fails where its [`Faults`] say.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use saga::testing::{Fault, Faults, FaultyStore, Harm, Moment};
/// use saga::store::QueryStore as _;
/// use saga::{MemoryStore, SagaId};
///
/// let faults = Faults::planned([Fault { call: 0, moment: Moment::Before, harm: Harm::Unavailable }]);
/// let store = FaultyStore::new(Arc::new(MemoryStore::new()), faults.clone());
/// assert!(store.instance(SagaId::new()).await.is_err());
/// assert!(store.instance(SagaId::new()).await.is_ok());
/// assert_eq!(faults.calls().len(), 2);
/// # }
/// ```
pub struct FaultyStore {
    pub(super) inner: Arc<dyn Store>,
    faults: Faults,
    batches: bool,
    is_shared: bool,
    watch: Watch,
}

impl FaultyStore {
    /// A store that does what `inner` does, but for the faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, faults: Faults) -> Self {
        let batches = inner.traits().batches;
        Self { inner, faults, batches, is_shared: false, watch: Watch::default() }
    }

    /// Holds the journals of sagas of these definitions against [the rules](crate::machine::invariants) after each
    /// write that took effect, and ends the process where one is broken.
    #[must_use]
    pub fn watching(mut self, definitions: impl IntoIterator<Item = &'static Definition>) -> Self {
        self.watch = Watch::over(definitions.into_iter().collect());
        self
    }

    /// Says that its commits are best shared, whatever `inner` says, and lets others have their turn before each
    /// call, so that appends gather: for tests of the group commit.
    #[must_use]
    pub fn with_batches(mut self) -> Self {
        self.batches = true;
        self
    }

    /// Says that processes share it, whatever `inner` says: a coordinator claims only what it knows.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    pub(super) async fn pass<'a, T>(
        &self,
        (text, access): (String, Access),
        call: impl Fn() -> BoxFuture<'a, StoreResult<T>> + Send,
        is_effective: impl FnOnce(&T) -> bool + Send,
    ) -> StoreResult<T> {
        self.faults.while_held(&text).await;
        self.unless_dead().await;
        let (number, fault) = self.faults.begin(text.clone(), access);
        if self.batches {
            tokio::task::yield_now().await;
        }
        match fault {
            // The first try reached nothing.
            None | Some((Moment::After, _) | (Moment::Before, Harm::Repeated)) => {}
            Some((Moment::Before, harm)) => return Err(self.suffer(harm).await),
        }
        let answer = call().await;
        self.faults.while_answer_held(&text).await;
        self.unless_dead().await;
        if answer.as_ref().is_ok_and(is_effective) {
            self.faults.took_effect(number);
        }
        match fault {
            Some((Moment::After, Harm::Repeated)) => call().await,
            Some((Moment::After, harm)) => Err(self.suffer(harm).await),
            _ => answer,
        }
    }

    /// A call that is not counted.
    pub(super) async fn let_through<'a, T>(
        &self,
        call: impl FnOnce() -> BoxFuture<'a, StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        self.unless_dead().await;
        let answer = call().await;
        self.unless_dead().await;
        answer
    }

    async fn suffer(&self, harm: Harm) -> StoreError {
        if harm == Harm::Death {
            self.faults.die();
        }
        self.unless_dead().await;
        StoreError::unavailable("the test says so")
    }

    /// A dead process gets no answers.
    async fn unless_dead(&self) {
        if self.faults.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("faults", &self.faults).finish_non_exhaustive()
    }
}

fn told(batch: &[Append]) -> (String, Access) {
    let append = |append: &Append| {
        let kinds: Vec<&str> = append.events.iter().map(crate::machine::Event::kind).collect();
        format!("append at {}: {}", append.expected, kinds.join(", "))
    };
    (batch.iter().map(append).collect::<Vec<_>>().join("; "), Access::Write)
}

impl JournalStore for FaultyStore {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn traits(&self) -> StoreTraits {
        let traits = self.inner.traits();
        let is_exclusive = traits.is_exclusive && !self.is_shared;
        StoreTraits { batches: self.batches, is_exclusive, ..traits }
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(self.pass(
            told(batch),
            || {
                Box::pin(async {
                    let answers = self.inner.append(batch).await?;
                    let sagas: Vec<SagaId> = batch.iter().map(|append| append.saga).collect();
                    self.watch.look_at(self.inner.as_ref(), &sagas).await?;
                    Ok(answers)
                })
            },
            |answers| answers.iter().any(Result::is_ok),
        ))
    }

    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        Box::pin(self.pass(
            told(std::slice::from_ref(append)),
            || {
                Box::pin(async {
                    let answer = self.inner.append_one(append).await?;
                    self.watch.look_at(self.inner.as_ref(), &[append.saga]).await?;
                    Ok(answer)
                })
            },
            Result::is_ok,
        ))
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        let load = move || -> BoxFuture<'_, StoreResult<Vec<Record>>> {
            if self.faults.is_spoilt(saga) {
                let broken = StoreError::broken("the test says so");
                return Box::pin(std::future::ready(Err(broken)));
            }
            self.inner.load(saga)
        };
        Box::pin(self.pass(("load".to_owned(), Access::Read), load, |_| true))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        let call = ("claim".to_owned(), Access::Write);
        let claimed = || -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
            Box::pin(async {
                let mut claimed = self.inner.claim(claim).await?;
                self.watch.look_at(self.inner.as_ref(), &claimed).await?;
                self.faults.tell_again(&mut claimed);
                Ok(claimed)
            })
        };
        Box::pin(self.pass(call, claimed, |claimed| !claimed.is_empty()))
    }

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        Box::pin(async move {
            match self.faults.by_text("heartbeat") {
                Some((_, harm)) => Err(self.suffer(harm).await),
                None => self.let_through(move || self.inner.heartbeat(beat)).await,
            }
        })
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.pass(
            ("retire".to_owned(), Access::Write),
            move || self.inner.retire(worker),
            |()| true,
        ))
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let call = (format!("request: {}", request.name()), Access::Write);
        Box::pin(self.pass(call, move || self.inner.request(saga, request), Option::is_some))
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        let call = ("read requests".to_owned(), Access::Read);
        Box::pin(self.pass(call, move || self.inner.requests(saga), |_| true))
    }
}

impl QueryStore for FaultyStore {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        let call = ("read the instance".to_owned(), Access::Read);
        Box::pin(self.pass(call, move || self.inner.instance(saga), |_| true))
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        Box::pin(self.let_through(|| self.inner.list(filter)))
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        let call = ("read events".to_owned(), Access::Read);
        Box::pin(self.pass(call, || self.inner.events(after), |_| true))
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(self.let_through(|| self.inner.counts()))
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        Box::pin(self.pass(
            ("purge".to_owned(), Access::Write),
            || self.inner.purge(purge),
            |purged| *purged > 0,
        ))
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        Box::pin(self.let_through(|| self.inner.ping()))
    }

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        Box::pin(self.let_through(|| self.inner.workers()))
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        Box::pin(self.let_through(|| self.inner.unknown()))
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        Box::pin(self.let_through(|| self.inner.oldest_free()))
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.let_through(|| self.inner.describe(shapes)))
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        Box::pin(self.let_through(|| self.inner.shape(key)))
    }

    fn outbox(&self) -> Option<&dyn OutboxStore> {
        self.inner.outbox().map(|_| self as &dyn OutboxStore)
    }
}
