//! A store that fails, or dies, at the calls that a test names.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::machine::{Record, Request};
use crate::store::{
    Append, BoxFuture, Claim, Counts, EventsAfter, Heartbeat, JournalEntry, JournalStore, Purge, QueryStore,
    Refusal, SagaFilter, SagaInstance, SagaPage, Store, StoreError, StoreResult, StoreTraits,
};
use crate::{SagaId, Timestamp, WorkerId};

/// A call that a [`FaultyStore`] passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// What was asked, in words.
    pub text: String,
    /// Whether it writes.
    pub access: Access,
    /// Whether it did anything: a claim that found nothing didn't.
    pub is_effective: bool,
}

/// What a call does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It looks.
    Read,
    /// It changes something.
    Write,
}

/// When in a call it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before the call reaches the store: it has no effect.
    Before,
    /// After the store did it: it has its effect, and the answer is lost.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harm {
    /// The process dies: neither this call nor any later one ever returns.
    Death,
    /// The caller gets [`StoreError::Unavailable`]; the next call goes well.
    Unavailable,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// At which call, from 0, as [`Faults::calls`] counts them.
    pub call: usize,
    /// When in it.
    pub moment: Moment,
    /// What.
    pub harm: Harm,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        match self.harm {
            Harm::Death => write!(f, "death {moment} call {}", self.call),
            Harm::Unavailable => write!(f, "no answer, {moment} call {}", self.call),
        }
    }
}

/// What goes wrong in a [`FaultyStore`], and what was asked of it. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    is_dead: AtomicBool,
    died: Notify,
}

#[derive(Debug, Default)]
struct State {
    planned: Vec<Fault>,
    /// For the next call that begins so.
    next: Vec<(&'static str, Moment, Harm)>,
    flaky: Option<Flaky>,
    calls: Vec<Call>,
}

/// Faults by the dice.
#[derive(Debug)]
struct Flaky {
    dice: fastrand::Rng,
    percent: u8,
    /// From this call on all goes well.
    until: usize,
}

impl Faults {
    /// Nothing goes wrong; the calls are counted.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This goes wrong.
    #[must_use]
    pub fn planned(faults: impl IntoIterator<Item = Fault>) -> Self {
        let planned = Self::default();
        planned.state().planned.extend(faults);
        planned
    }

    /// This goes wrong in the next call whose text begins so; called again, in the one after. Heartbeats are called
    /// `heartbeat`.
    pub fn fail_next(&self, text: &'static str, moment: Moment, harm: Harm) {
        self.state().next.push((text, moment, harm));
    }

    /// So many percent of the first `calls` calls get no answer, half of them after their effect.
    #[must_use]
    pub fn flaky(seed: u64, percent: u8, calls: usize) -> Self {
        let flaky = Self::default();
        flaky.state().flaky = Some(Flaky { dice: fastrand::Rng::with_seed(seed), percent, until: calls });
        flaky
    }

    /// The calls so far: all that write, and those that read a journal, requests or an instance. Heartbeats and
    /// lists are not counted.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns once the process is dead.
    pub async fn died(&self) {
        loop {
            let died = self.0.died.notified();
            if self.is_dead() {
                return;
            }
            died.await;
        }
    }

    /// Whether the process is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.is_dead.load(Ordering::Acquire)
    }

    fn die(&self) {
        self.0.is_dead.store(true, Ordering::Release);
        self.0.died.notify_waiters();
    }

    /// What goes wrong in a call that is not counted.
    fn by_text(&self, text: &str) -> Option<(Moment, Harm)> {
        let next = &mut self.state().next;
        let index = next.iter().position(|(begin, ..)| text.starts_with(begin))?;
        let (_, moment, harm) = next.remove(index);
        Some((moment, harm))
    }

    /// Counts a call, and says what goes wrong in it.
    fn begin(&self, text: String, access: Access) -> (usize, Option<(Moment, Harm)>) {
        let by_text = self.by_text(&text);
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(Call { text, access, is_effective: false });
        let planned = state.planned.iter().find(|fault| fault.call == number);
        let planned = planned.map(|fault| (fault.moment, fault.harm));
        let diced = state.flaky.as_mut().filter(|flaky| number < flaky.until).and_then(|flaky| {
            let moment = if flaky.dice.bool() { Moment::Before } else { Moment::After };
            (flaky.dice.u8(..100) < flaky.percent).then_some((moment, Harm::Unavailable))
        });
        (number, by_text.or(planned).or(diced))
    }

    fn took_effect(&self, number: usize) {
        if let Some(call) = self.state().calls.get_mut(number) {
            call.is_effective = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    inner: Arc<dyn Store>,
    faults: Faults,
    batches: bool,
}

impl FaultyStore {
    /// A store that does what `inner` does, but for the faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, faults: Faults) -> Self {
        let batches = inner.traits().batches;
        Self { inner, faults, batches }
    }

    /// Says that its commits are best shared, whatever `inner` says, and lets others have their turn before each
    /// call, so that appends gather: for tests of the group commit.
    #[must_use]
    pub fn with_batches(mut self) -> Self {
        self.batches = true;
        self
    }

    async fn pass<'a, T>(
        &self,
        (text, access): (String, Access),
        call: impl FnOnce() -> BoxFuture<'a, StoreResult<T>> + Send,
        is_effective: impl FnOnce(&T) -> bool + Send,
    ) -> StoreResult<T> {
        self.unless_dead().await;
        let (number, fault) = self.faults.begin(text, access);
        if self.batches {
            tokio::task::yield_now().await;
        }
        if let Some((Moment::Before, harm)) = fault {
            return Err(self.suffer(harm).await);
        }
        let answer = call().await;
        self.unless_dead().await;
        if answer.as_ref().is_ok_and(is_effective) {
            self.faults.took_effect(number);
        }
        match fault {
            Some((Moment::After, harm)) => Err(self.suffer(harm).await),
            _ => answer,
        }
    }

    /// A call that is not counted.
    async fn let_through<'a, T>(
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
        StoreTraits { batches: self.batches, ..self.inner.traits() }
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(self.pass(
            told(batch),
            || self.inner.append(batch),
            |answers| answers.iter().any(Result::is_ok),
        ))
    }

    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        Box::pin(self.pass(
            told(std::slice::from_ref(append)),
            || self.inner.append_one(append),
            Result::is_ok,
        ))
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        Box::pin(self.pass(("load".to_owned(), Access::Read), move || self.inner.load(saga), |_| true))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        let call = ("claim".to_owned(), Access::Write);
        Box::pin(self.pass(call, || self.inner.claim(claim), |claimed| !claimed.is_empty()))
    }

    fn heartbeat(&self, worker: WorkerId, lease: Duration) -> BoxFuture<'_, StoreResult<Heartbeat>> {
        Box::pin(async move {
            match self.faults.by_text("heartbeat") {
                Some((_, harm)) => Err(self.suffer(harm).await),
                None => self.let_through(move || self.inner.heartbeat(worker, lease)).await,
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
        Box::pin(self.let_through(|| self.inner.events(after)))
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
}
