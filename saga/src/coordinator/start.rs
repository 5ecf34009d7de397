//! Starting a saga.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Span;

use super::handle::SagaHandle;
use super::inner::Inner;
use super::live::Live;
use super::task::Task;
use crate::engine::saga_span;
use crate::machine::{Event, SagaStarted, SagaState, State};
use crate::policy::Defaults;
use crate::store::{Append, HeadChange, Refusal, StoreError};
use crate::trace::TRACE_LABEL;
use crate::{Definition, ErrorCode, Labels, Payload, PayloadError, Saga, SagaId, Timestamp, WorkerId};

/// What a start may say besides the input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartOptions {
    key: Option<String>,
    labels: Labels,
    delay: Duration,
}

impl StartOptions {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of an idempotent start: a second start of the same saga with this key and the same input joins the
    /// first; with another input it is an error.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A name and a value to find the saga by.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// All of these labels.
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels.extend(labels);
        self
    }

    /// The saga is recorded now and begins after this time. It waits in the store.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Keeps the caller's trace, where there is one and the caller has not set it.
    fn trace_caller(&mut self, inner: &Inner) {
        if let Some(context) = &inner.trace_context
            && !self.labels.contains_key(TRACE_LABEL)
            && let Some(caller) = context.current()
        {
            self.labels.insert(TRACE_LABEL.to_owned(), caller);
        }
    }

    /// The span of a saga that is driven at once. Where the caller has no trace, the saga's own is kept: who takes it up
    /// after a crash goes on with that.
    fn saga_span(&mut self, inner: &Inner, definition: &Definition, saga: SagaId) -> Span {
        self.trace_caller(inner);
        let context = inner.trace_context.as_deref();
        let span = saga_span(definition, saga, &self.labels, context);
        if let Some(context) = context
            && !self.labels.contains_key(TRACE_LABEL)
            && let Some(own) = context.of(&span)
        {
            self.labels.insert(TRACE_LABEL.to_owned(), own);
        }
        span
    }
}

/// A saga that was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No place among the concurrent sagas became free in time. Nothing is recorded.
    #[error(
        "all {limit} places for concurrent sagas were taken for {waited:?}: raise `max_concurrent_sagas` or `acquire_timeout`, or try again later"
    )]
    AcquireTimeout {
        /// How many sagas run at the same time.
        limit: usize,
        /// How long the start waited.
        waited: Duration,
    },
    /// The coordinator doesn't know this saga. Nothing is recorded.
    #[error("saga `{saga}` is not registered: add `.saga(..)` to the coordinator's builder")]
    NotRegistered {
        /// Its name.
        saga: String,
    },
    /// The coordinator takes up no more sagas. Nothing is recorded.
    #[error("the coordinator is shutting down")]
    ShuttingDown,
    /// The input cannot be encoded. Nothing is recorded.
    #[error("the input cannot be recorded: {0}")]
    Payload(#[from] PayloadError),
    /// There is a saga with this key, and another input. Nothing is recorded.
    #[error("saga {existing} was started with the key `{key}` and another input")]
    KeyConflict {
        /// The saga that has the key.
        existing: SagaId,
        /// The key.
        key: String,
    },
    /// The store didn't say whether the saga is recorded. If it is, it will be driven; a start with a
    /// [key](StartOptions::key) can be repeated safely.
    #[error("the store did not record saga {saga}: {source}")]
    Store {
        /// The id that the saga has if it was recorded.
        saga: SagaId,
        /// What the store said.
        source: StoreError,
    },
    /// There is a saga with this key already; its starter never sees this.
    #[doc(hidden)]
    #[error("saga {0} has this key")]
    Joined(SagaId),
}

impl StartError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::AcquireTimeout { .. } => ErrorCode::StartAcquireTimeout,
            Self::NotRegistered { .. } => ErrorCode::StartNotRegistered,
            Self::ShuttingDown => ErrorCode::StartShuttingDown,
            Self::Payload(error) => error.code(),
            Self::KeyConflict { .. } | Self::Joined(_) => ErrorCode::StartKeyConflict,
            Self::Store { .. } => ErrorCode::StartNotRecorded,
        }
    }
}

pub(super) async fn start<S: Saga>(
    inner: &Arc<Inner>,
    input: S::Input,
    options: StartOptions,
) -> Result<SagaHandle<S>, StartError> {
    let definition = S::definition();
    let typed = inner
        .registry
        .typed::<S>()
        .ok_or_else(|| StartError::NotRegistered { saga: definition.name.to_string() })?;
    let payload = S::INPUT.encode(&inner.codec, &input)?;
    let (id, live) =
        begin(inner, definition, || typed.flow_of(input, &inner.codec), payload, options).await?;
    Ok(SagaHandle::new(Arc::clone(inner), id, live))
}

/// Starts a saga whose types are erased; its id, and the saga itself where it is driven here.
pub(super) async fn begin(
    inner: &Arc<Inner>,
    definition: &'static Definition,
    flow: impl FnOnce() -> Box<dyn crate::engine::OwnedFlow>,
    input: Payload,
    mut options: StartOptions,
) -> Result<(SagaId, Option<Arc<Live>>), StartError> {
    let begun = if options.delay.is_zero() {
        start_now(inner, definition, flow(), input.clone(), &mut options)
            .await
            .map(|(id, live)| (id, Some(live)))
    } else {
        let id = SagaId::new();
        options.trace_caller(inner);
        start_later(inner, id, definition, input.clone(), &options).await.map(|()| (id, None))
    };
    match begun {
        Ok(begun) => Ok(begun),
        Err(StartError::Joined(existing)) => {
            join(inner, existing, &input, options.key.unwrap_or_default()).await?;
            Ok((existing, None))
        }
        Err(error) => Err(error),
    }
}

/// Records a saga and drives it in a task of its own, so that a caller who goes away changes nothing.
pub(super) async fn start_now(
    inner: &Arc<Inner>,
    definition: &'static Definition,
    flow: Box<dyn crate::engine::OwnedFlow>,
    input: Payload,
    options: &mut StartOptions,
) -> Result<(SagaId, Arc<Live>), StartError> {
    let place = place(inner).await?;
    if inner.is_closed() {
        return Err(StartError::ShuttingDown);
    }
    // Only now: a wait for a place is no part of the saga's time.
    let now = inner.clock.now();
    let id = SagaId::new_at(now);
    let owner = Some(inner.worker);
    let span = options.saga_span(inner, definition, id);
    let first = started(definition, inner, (owner, now), input, options);
    let term = inner.lease.term();
    // A fresh id is driven by nobody; were it, the starter would be told so.
    let live = inner.live.enter(id).ok_or(StartError::Joined(id))?;
    let task = Task {
        id,
        definition,
        flow,
        labels: options.labels.clone(),
        state: State::new(definition),
        first: Some(first),
        sequence: 0,
        head: None,
        started_at: None,
        term,
        span,
        place,
    };
    task.spawn(inner, Arc::clone(&live));
    live.recorded().await?;
    Ok((id, live))
}

/// A place among the concurrent sagas.
async fn place(inner: &Inner) -> Result<OwnedSemaphorePermit, StartError> {
    if let Ok(place) = Arc::clone(&inner.sagas).try_acquire_owned() {
        return Ok(place);
    }
    if inner.is_closed() {
        return Err(StartError::ShuttingDown);
    }
    let waited = inner.limits.acquire_timeout;
    let since = Instant::now();
    let place = tokio::time::timeout(waited, Arc::clone(&inner.sagas).acquire_owned()).await;
    inner.start_waits.count(since.elapsed());
    match place {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) => Err(StartError::ShuttingDown),
        Err(_) => {
            inner.counters.count_start_timeout();
            Err(StartError::AcquireTimeout { limit: inner.limits.sagas_max, waited })
        }
    }
}

/// A saga that was not recorded yet: what records it, for a store that does so in a transaction of the caller's.
///
/// Made by [`Coordinator::draft`](super::Coordinator::draft). Nobody owns the saga, so whoever is free takes it up.
pub struct Draft<S> {
    inner: Arc<Inner>,
    append: Append,
    of: PhantomData<fn() -> S>,
}

impl<S> std::fmt::Debug for Draft<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("append", &self.append).finish_non_exhaustive()
    }
}

impl<S: Saga> Draft<S> {
    /// What records the saga.
    #[must_use]
    pub fn append(&self) -> &Append {
        &self.append
    }

    /// A handle on the saga, once it is recorded.
    #[must_use]
    pub fn handle(&self) -> SagaHandle<S> {
        self.handle_of(self.append.saga)
    }

    /// A handle on the saga that has the key already, if it was started with the same input: `first` is the first
    /// event of its journal.
    ///
    /// # Errors
    ///
    /// [`StartError::KeyConflict`] where the input is another.
    pub fn join(&self, existing: SagaId, first: &Event) -> Result<SagaHandle<S>, StartError> {
        match (self.append.events.first(), first) {
            (Some(Event::SagaStarted(own)), Event::SagaStarted(other))
                if self.inner.codec.is_same(&own.input, &other.input) =>
            {
                Ok(self.handle_of(existing))
            }
            (Some(Event::SagaStarted(own)), _) => {
                Err(StartError::KeyConflict { existing, key: own.key.clone().unwrap_or_default() })
            }
            _ => Err(StartError::Joined(existing)),
        }
    }

    fn handle_of(&self, saga: SagaId) -> SagaHandle<S> {
        SagaHandle::new(Arc::clone(&self.inner), saga, None)
    }
}

pub(super) fn draft<S: Saga>(
    inner: &Arc<Inner>,
    input: &S::Input,
    options: &StartOptions,
) -> Result<Draft<S>, StartError> {
    let definition = S::definition();
    if inner.registry.typed::<S>().is_none() {
        return Err(StartError::NotRegistered { saga: definition.name.to_string() });
    }
    let payload = S::INPUT.encode(&inner.codec, input)?;
    let mut options = options.clone();
    options.trace_caller(inner);
    let (append, _) = pending(inner, SagaId::new(), definition, payload, &options);
    Ok(Draft { inner: Arc::clone(inner), append, of: PhantomData })
}

/// What records a saga that waits in the store, and when it may begin.
fn pending(
    inner: &Inner,
    saga: SagaId,
    definition: &Definition,
    input: Payload,
    options: &StartOptions,
) -> (Append, Timestamp) {
    let start_at = inner.clock.now().saturating_add(options.delay);
    let event = started(definition, inner, (None, start_at), input, options);
    let head = HeadChange { state: SagaState::Pending, owner: None, wake_at: Some(start_at) };
    (Append { saga, expected: 0, events: vec![event], head: Some(head), answered: None }, start_at)
}

/// Records a saga that begins later: it waits in the store, for whoever is free when its time comes.
async fn start_later(
    inner: &Arc<Inner>,
    saga: SagaId,
    definition: &'static Definition,
    input: Payload,
    options: &StartOptions,
) -> Result<(), StartError> {
    if inner.is_closed() {
        return Err(StartError::ShuttingDown);
    }
    let (append, start_at) = pending(inner, saga, definition, input, options);
    // In a task of its own: a caller who goes away must not take the commit of others with it.
    let recording = tokio::spawn({
        let (inner, labels) = (Arc::clone(inner), options.labels.clone());
        async move {
            let at = record_first(&inner, &append).await?;
            let [event] = append.events.as_slice() else { return Ok(()) };
            let labels = &labels;
            let observed =
                crate::engine::Observed { definition, saga, labels, started_at: at, sequence: 0, at, event };
            crate::engine::Observer::observe(&*inner, observed);
            inner.wake_at(Some(start_at));
            Ok(())
        }
    });
    recording.await.unwrap_or(Err(StartError::ShuttingDown))
}

/// How often the first record of a saga that begins later is tried.
const TRIES: u32 = 3;

/// Returns once the first record of a saga is durable. An answer that was lost is resolved by reading back.
async fn record_first(inner: &Inner, append: &Append) -> Result<Timestamp, StartError> {
    let saga = append.saga;
    let mut delay = Duration::from_millis(20);
    for tries in 1.. {
        let (_, answer) = inner.committer.append(append.clone()).await;
        let refused = match answer {
            Ok(Ok(at)) => return Ok(at),
            Ok(Err(Refusal::KeyTaken { existing })) if existing != saga => {
                return Err(StartError::Joined(existing));
            }
            Ok(Err(_)) => StoreError::broken("a fresh id was taken"),
            Err(error) => error,
        };
        // Nobody else writes under a fresh id before its time comes: what is there is ours.
        if let Ok(journal) = inner.store.load(saga).await
            && let Some(first) = journal.first().filter(|first| append.events.first() == Some(&first.event))
        {
            return Ok(first.at);
        }
        if tries == TRIES {
            return Err(StartError::Store { saga, source: refused });
        }
        tokio::time::sleep(delay).await;
        delay = delay.saturating_mul(2);
    }
    Err(StartError::ShuttingDown)
}

fn started(
    definition: &Definition,
    inner: &Inner,
    (owner, start_at): (Option<WorkerId>, Timestamp),
    input: Payload,
    options: &StartOptions,
) -> Event {
    let timeout = Defaults::saga_timeout(&inner.defaults, definition);
    Event::SagaStarted(Box::new(SagaStarted {
        definition: definition.name.clone(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        codec: inner.codec.name_owned(),
        labels: options.labels.clone(),
        key: options.key.clone(),
        start_at,
        deadline: timeout.map(|timeout| start_at.saturating_add(timeout)),
        owner,
        input,
    }))
}

/// Whether the saga that has the key was started with the same input.
async fn join(inner: &Inner, existing: SagaId, input: &Payload, key: String) -> Result<(), StartError> {
    let store_error = |source| StartError::Store { saga: existing, source };
    let journal = inner.store.load(existing).await.map_err(store_error)?;
    match journal.first().map(|record| &record.event) {
        Some(Event::SagaStarted(started)) if inner.codec.is_same(&started.input, input) => Ok(()),
        Some(_) => Err(StartError::KeyConflict { existing, key }),
        None => Err(store_error(StoreError::broken("a saga that has a key has no journal"))),
    }
}
