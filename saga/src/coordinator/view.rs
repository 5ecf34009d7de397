//! Looking at sagas: their typed outputs so far, their recorded outcomes, and whether all is well.

use super::handle::OutcomeError;
use super::inner::Inner;
use super::standing::{Standing, within};
use super::takeover::last_outputs;
use crate::machine::{Event, IllegalEvent, Record, SagaState, StepStatus, fold};
use crate::observe::{Health, PublisherHealth};
use crate::outcome::{Outcome, outcome};
use crate::{ErrorCode, Payload, PayloadError, Saga, SagaId, SagaInstance, StoreError, Timestamp};

/// A saga seen from inside.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection<S: Saga> {
    /// The saga as a row.
    pub instance: SagaInstance,
    /// The outputs so far, one `Option` a step.
    pub outputs: S::Outputs,
    /// How each step stands, by name, in the order of the flow.
    pub steps: Vec<(String, StepStatus)>,
    /// All that happened to it.
    pub journal: Vec<Record>,
}

/// A saga that could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The saga is of another definition.
    #[error("saga {saga} is a `{found}`, not a `{expected}`")]
    OtherSaga {
        /// The id.
        saga: SagaId,
        /// What it is.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// A payload cannot be decoded.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The journal doesn't fit the definition.
    #[error("the journal does not fit the definition: {0}")]
    Illegal(#[from] IllegalEvent),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InspectError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OtherSaga { .. } => ErrorCode::OtherSaga,
            Self::Payload(error) => error.code(),
            Self::Illegal(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn inspect<S: Saga>(
    inner: &Inner,
    id: SagaId,
) -> Result<Option<Inspection<S>>, InspectError> {
    let Some(instance) = inner.store.instance(id).await? else { return Ok(None) };
    let definition = S::definition();
    if instance.definition != definition.name {
        let (found, expected) = (instance.definition, definition.name.to_string());
        return Err(InspectError::OtherSaga { saga: id, found, expected });
    }
    let journal = inner.store.load(id).await?;
    let slots = restored::<S>(inner, &journal)?;
    let state = fold(definition, &journal)?;
    let steps = definition.steps.iter().zip(state.steps());
    let steps = steps.map(|(step, state)| (step.name.to_string(), state.status)).collect();
    Ok(Some(Inspection { instance, outputs: S::outputs(slots), steps, journal }))
}

pub(super) async fn recorded_outcome<S: Saga>(
    inner: &Inner,
    saga: SagaId,
) -> Result<Option<Outcome<S::Output>>, OutcomeError> {
    let definition = S::definition();
    let other = || OutcomeError::OtherSaga { saga, expected: definition.name.to_string() };
    let journal = inner.store.load(saga).await?;
    match journal.first().map(|record| &record.event) {
        None => return Err(OutcomeError::NotFound { saga }),
        Some(Event::SagaStarted(started)) if started.definition == definition.name => {}
        Some(_) => return Err(other()),
    }
    // A parked saga of another shape cannot be folded, but says itself why it is parked.
    if let Some(Record { event: Event::Stuck { reason }, .. }) = journal.last() {
        return Ok(Some(Outcome::Stuck((**reason).clone())));
    }
    let state = fold(definition, &journal).map_err(|_| other())?;
    let output = || -> Result<S::Output, OutcomeError> {
        S::output(&mut restored::<S>(inner, &journal)?).ok_or(OutcomeError::NotFound { saga })
    };
    outcome(&state, output).transpose()
}

/// The recorded outputs of a saga, in their slots.
fn restored<S: Saga>(inner: &Inner, journal: &[Record]) -> Result<S::Slots, PayloadError> {
    let slots = S::Slots::default();
    for (step, output) in last_outputs(S::definition(), journal) {
        let output: &Payload = output;
        S::restore(&slots, step, output, &inner.codec)?;
    }
    Ok(slots)
}

pub(super) async fn health(inner: &Inner) -> Health {
    let last_heartbeat_age = inner.heartbeat_age();
    let asked = async {
        let workers = within(inner.store.workers()).await?.len();
        let unknown = within(inner.store.unknown()).await?;
        Ok::<_, StoreError>((Standing::of(inner).await?, workers, unknown))
    };
    let (standing, workers, unknown, store_error) = match asked.await {
        Ok((standing, workers, unknown)) => (standing, workers, unknown, None),
        Err(error) => (Standing::default(), 0, Vec::new(), Some(error.to_string())),
    };
    let Standing { counts, oldest_active, oldest_runnable, cursors } = standing;
    let now = inner.clock.now();
    let age = |since: Option<Timestamp>| since.map(|since| now.since(since));
    let mut statuses = inner.publishers.statuses();
    let mut publishers: Vec<PublisherHealth> = cursors
        .into_iter()
        .map(|cursor| {
            let own = statuses.iter().position(|status| status.name == cursor.name);
            let status = own.map(|own| statuses.swap_remove(own));
            PublisherHealth {
                name: cursor.name,
                holder: cursor.holder,
                lag_events: cursor.behind,
                lag: age(cursor.oldest_at),
                dead_letters: cursor.dead_letters,
                last_error: status.and_then(|status| status.last_error),
            }
        })
        .collect();
    // Those that have not reached the store yet.
    publishers.extend(statuses.into_iter().map(|status| PublisherHealth {
        name: status.name,
        last_error: status.last_error,
        ..PublisherHealth::default()
    }));
    publishers.sort_by(|one, other| one.name.cmp(&other.name));
    Health {
        is_healthy: store_error.is_none() && last_heartbeat_age < inner.limits.lease,
        store_error,
        last_heartbeat_age,
        active: inner.live.len(),
        workers,
        stuck: counts.get(&SagaState::Stuck).copied().unwrap_or(0),
        counts,
        unknown,
        oldest_active_age: age(oldest_active),
        oldest_runnable_age: age(oldest_runnable),
        publishers,
        is_shutting_down: inner.is_closed(),
    }
}
