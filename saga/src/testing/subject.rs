//! The saga of a crash test, and what its process does with it in one life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::life::Stores;
use crate::coordinator::CoordinatorBuilder;
use crate::machine::{Record, SagaState, StuckReason};
use crate::policy::{millis, minutes, secs};
use crate::store::BoxFuture;
use crate::{
    BuildError, Coordinator, Definition, OperateError, OutcomeError, Saga, SagaId, StartError, StartOptions,
};

/// A saga under test, with its services, typed or generated.
pub(super) trait Subject: Send + Sync {
    fn definition(&self) -> &'static Definition;

    /// Registers the saga, and what its test wants of the coordinator.
    fn furnish(&self, builder: CoordinatorBuilder) -> CoordinatorBuilder;

    /// Starts the saga with these options. Called in each life: its key lets it join the first start.
    fn start<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        options: StartOptions,
    ) -> BoxFuture<'a, Result<SagaId, StartError>>;

    /// Waits for the outcome as a user would, where there is a typed way; says how the saga stands then.
    fn outcome<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        saga: SagaId,
    ) -> Option<BoxFuture<'a, Result<SagaState, OutcomeError>>> {
        _ = (coordinator, saga);
        None
    }

    /// How long after its start somebody cancels it.
    fn cancel_after(&self) -> Option<Duration> {
        None
    }

    /// What else is wrong with a saga that came to rest with this journal.
    fn problems(&self, journal: &[Record]) -> Vec<String> {
        _ = journal;
        Vec::new()
    }

    /// What an operator does with it when it is parked; `false`: nothing.
    fn operate<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        saga: SagaId,
        reason: StuckReason,
    ) -> BoxFuture<'a, Result<bool, OperateError>> {
        _ = (coordinator, saga, reason);
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// A saga of a type.
pub(super) struct TypedSubject<S: Saga, F, I> {
    services: F,
    input: I,
    of: std::marker::PhantomData<fn() -> S>,
}

impl<S: Saga, F: Fn() -> S, I: Fn() -> S::Input> TypedSubject<S, F, I> {
    pub(super) const fn new(services: F, input: I) -> Self {
        Self { services, input, of: std::marker::PhantomData }
    }
}

impl<S, F, I> Subject for TypedSubject<S, F, I>
where
    S: Saga,
    F: Fn() -> S + Send + Sync,
    I: Fn() -> S::Input + Send + Sync,
{
    fn definition(&self) -> &'static Definition {
        S::definition()
    }

    fn furnish(&self, builder: CoordinatorBuilder) -> CoordinatorBuilder {
        builder.saga((self.services)())
    }

    fn start<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        options: StartOptions,
    ) -> BoxFuture<'a, Result<SagaId, StartError>> {
        let started = coordinator.start_with::<S>((self.input)(), options);
        Box::pin(async move { Ok(started.await?.id()) })
    }

    fn outcome<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        saga: SagaId,
    ) -> Option<BoxFuture<'a, Result<SagaState, OutcomeError>>> {
        let handle = coordinator.handle::<S>(saga);
        Some(Box::pin(async move { Ok(handle.outcome().await?.state()) }))
    }
}

/// What is known of a saga beyond the death of its process.
#[derive(Default)]
pub(super) struct Known {
    /// How long after its start somebody cancels the saga.
    cancel_after: Option<Duration>,
    is_cancelled: std::sync::atomic::AtomicBool,
    so_far: Mutex<Option<Ended>>,
}

impl Known {
    pub(super) fn new(cancel_after: Option<Duration>) -> Self {
        Self { cancel_after, ..Self::default() }
    }

    /// How far the saga came, if it never ended.
    pub(super) fn so_far(&self) -> Option<Ended> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A saga at its end, or parked for good.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) saga: SagaId,
    pub(super) journal: Vec<Record>,
    pub(super) problems: Vec<String>,
}

/// The key under which the saga is started, in each life.
const KEY: &str = "crash-test";

/// Between two looks at a saga.
const LOOK: Duration = millis(200);

/// One life: build a coordinator, start or find the saga, see it to its end.
pub(super) async fn story_of(
    subject: Arc<dyn Subject>,
    known: Arc<Known>,
    stores: Stores,
) -> Result<Ended, String> {
    let coordinator = build(&*subject, &stores).await?;
    let saga = start(&*subject, &coordinator).await?;
    let state = loop {
        let state = at_rest((&*subject, &known), &coordinator, saga, &stores).await?;
        if state != SagaState::Stuck || !operated(&*subject, &coordinator, saga, &stores).await? {
            break state;
        }
    };
    let journal = stores.direct.load(saga).await.map_err(|error| error.to_string())?;
    let mut problems = Vec::new();
    // Its driver may not have heard yet that its last append is through.
    let quiet = async {
        while coordinator.metrics().sagas_active != 0 {
            sleep(LOOK).await;
        }
    };
    if timeout(minutes(1), quiet).await.is_err() {
        problems.push(format!("the saga is {state}, and its coordinator goes on driving it"));
    }
    Ok(Ended { saga, journal, problems })
}

async fn build(subject: &dyn Subject, stores: &Stores) -> Result<Coordinator, String> {
    loop {
        let builder = Coordinator::builder_shared(Arc::clone(&stores.faulty));
        match subject.furnish(builder).build().await {
            Ok(coordinator) => return Ok(coordinator),
            Err(BuildError::Store(_)) => sleep(secs(1)).await,
            Err(error) => return Err(format!("the coordinator cannot be built: {error}")),
        }
    }
}

async fn start(subject: &dyn Subject, coordinator: &Coordinator) -> Result<SagaId, String> {
    loop {
        match subject.start(coordinator, StartOptions::new().key(KEY)).await {
            Ok(saga) => return Ok(saga),
            Err(StartError::Store { .. }) => sleep(secs(1)).await,
            Err(error) => return Err(format!("the saga cannot be started: {error}")),
        }
    }
}

/// Waits until the saga ended or is parked, and cancels it meanwhile if its test says so.
async fn at_rest(
    (subject, known): (&dyn Subject, &Known),
    coordinator: &Coordinator,
    saga: SagaId,
    stores: &Stores,
) -> Result<SagaState, String> {
    use std::sync::atomic::Ordering;

    let cancelling = async {
        if let Some(after) = known.cancel_after {
            sleep(after).await;
            while !known.is_cancelled.load(Ordering::Relaxed) {
                match coordinator.cancel(saga, "the test says so").await {
                    Ok(()) | Err(OperateError::Ended { .. }) => {
                        known.is_cancelled.store(true, Ordering::Relaxed);
                    }
                    Err(_) => sleep(LOOK).await,
                }
            }
        }
        std::future::pending::<()>().await;
    };
    let resting = async {
        loop {
            match subject.outcome(coordinator, saga) {
                Some(outcome) => match outcome.await {
                    Ok(state) => return Ok(state),
                    Err(OutcomeError::Store(_)) => sleep(LOOK).await,
                    Err(error) => return Err(format!("the outcome cannot be had: {error}")),
                },
                None => return look(saga, stores, known).await,
            }
        }
    };
    let mut cancelling = std::pin::pin!(cancelling);
    let mut resting = std::pin::pin!(resting);
    std::future::poll_fn(|cx| {
        _ = cancelling.as_mut().poll(cx);
        resting.as_mut().poll(cx)
    })
    .await
}

/// Looks until the saga ended or is parked.
async fn look(saga: SagaId, stores: &Stores, known: &Known) -> Result<SagaState, String> {
    loop {
        let instance = stores.direct.instance(saga).await.map_err(|error| error.to_string())?;
        let state = instance.ok_or_else(|| format!("saga {saga} was started, and is not there"))?.state;
        if state.is_ended() || state == SagaState::Stuck {
            return Ok(state);
        }
        let journal = stores.direct.load(saga).await.map_err(|error| error.to_string())?;
        let so_far = Ended { saga, journal, problems: Vec::new() };
        *known.so_far.lock().unwrap_or_else(PoisonError::into_inner) = Some(so_far);
        sleep(LOOK).await;
    }
}

/// Lets the operator act on a parked saga; whether something was asked, and the saga was moved by it.
async fn operated(
    subject: &dyn Subject,
    coordinator: &Coordinator,
    saga: SagaId,
    stores: &Stores,
) -> Result<bool, String> {
    loop {
        let journal = stores.direct.load(saga).await.map_err(|error| error.to_string())?;
        let reason = journal.iter().rev().find_map(|record| match &record.event {
            crate::machine::Event::Stuck { reason } => Some((**reason).clone()),
            _ => None,
        });
        let Some(reason) = reason else { return Ok(false) };
        match subject.operate(coordinator, saga, reason).await {
            Ok(false) => return Ok(false),
            Ok(true) | Err(OperateError::NotStuck { .. } | OperateError::Ended { .. }) => break,
            Err(OperateError::Store(_)) => sleep(LOOK).await,
            Err(error) => return Err(format!("the operator could not act: {error}")),
        }
    }
    // Until the request is carried out: bounded, for it may have been refused.
    for _ in 0..100 {
        let instance = stores.direct.instance(saga).await.map_err(|error| error.to_string())?;
        if instance.is_none_or(|instance| instance.state != SagaState::Stuck) {
            break;
        }
        sleep(LOOK).await;
    }
    Ok(true)
}
