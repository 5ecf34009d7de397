//! A handle on one saga: its id, and its outcome.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::inner::Inner;
use super::live::{Live, Rest};
use super::view;
use crate::machine::State;
use crate::outcome::{Outcome, outcome};
use crate::{ErrorCode, PayloadError, Saga, SagaId, StoreError};

/// A saga that was started: it goes on whether or not the handle is kept.
pub struct SagaHandle<S> {
    inner: Arc<Inner>,
    id: SagaId,
    live: Option<Arc<Live>>,
    of: PhantomData<fn() -> S>,
}

/// An outcome that could not be had. The saga itself goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomeError {
    /// There is no such saga, or nothing is kept of it any more.
    #[error("there is no saga {saga}, or it ended and its retention is over")]
    NotFound {
        /// The id.
        saga: SagaId,
    },
    /// The saga is of another definition than the handle.
    #[error("saga {saga} is not a `{expected}`")]
    OtherSaga {
        /// The id.
        saga: SagaId,
        /// The definition of the handle.
        expected: String,
    },
    /// The output cannot be decoded.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OutcomeError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::OtherSaga { .. } => ErrorCode::OtherSaga,
            Self::Payload(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// How often a saga that another process drives is looked at: from this, doubled, up to the other.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

impl<S: Saga> SagaHandle<S> {
    pub(super) fn new(inner: Arc<Inner>, id: SagaId, live: Option<Arc<Live>>) -> Self {
        Self { inner, id, live, of: PhantomData }
    }

    /// The id of the saga.
    #[must_use]
    pub fn id(&self) -> SagaId {
        self.id
    }

    /// Waits until the saga ends or is parked, whichever process drives it, and says how.
    pub async fn outcome(&self) -> Result<Outcome<S::Output>, OutcomeError> {
        if let Some(live) = &self.live
            && let Rest::Known(state, output) = live.rest().await
            && let Some(outcome) = self.told(state, output).await?
        {
            return Ok(outcome);
        }
        let mut delay = POLL.0;
        loop {
            if let Some(live) = self.inner.live.get(self.id) {
                // Bounded: another process may take the saga over and end it.
                if let Ok(Rest::Known(state, output)) = timeout(POLL.1, live.rest()).await
                    && let Some(outcome) = self.told(state, output).await?
                {
                    return Ok(outcome);
                }
                continue;
            }
            let instance = self.inner.store.instance(self.id).await?;
            let instance = instance.ok_or(OutcomeError::NotFound { saga: self.id })?;
            let is_parked = instance.state == crate::SagaState::Stuck && !self.is_asked().await?;
            if (instance.state.is_ended() || is_parked)
                && let Some(outcome) = self.recorded().await?
            {
                return Ok(outcome);
            }
            tokio::time::sleep(delay).await;
            delay = delay.saturating_mul(2).min(POLL.1);
        }
    }

    /// The outcome as this process saw it; `None` for a saga that was parked and may have gone on since.
    async fn told(
        &self,
        state: &State,
        output: &std::sync::Mutex<Option<Box<dyn std::any::Any + Send>>>,
    ) -> Result<Option<Outcome<S::Output>>, OutcomeError> {
        if state.saga_state() == crate::SagaState::Stuck {
            // Whoever asked for something and then for the outcome wants the one that comes of it.
            if self.is_asked().await.unwrap_or(false) {
                return Ok(None);
            }
            if let Ok(Some(now)) = self.inner.store.instance(self.id).await
                && now.state != crate::SagaState::Stuck
            {
                return Ok(None);
            }
        }
        // The first who asks gets the value; who comes later reads it from the store.
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner).take();
        let typed =
            || output.take().and_then(|output| output.downcast().ok()).map(|output| *output).ok_or(());
        match outcome(state, typed) {
            Some(Ok(outcome)) => Ok(Some(outcome)),
            Some(Err(())) | None => self.recorded().await,
        }
    }

    /// Whether something is asked of the saga that is not carried out yet.
    async fn is_asked(&self) -> Result<bool, StoreError> {
        Ok(!self.inner.store.requests(self.id).await?.is_empty())
    }

    /// The outcome as the journal tells it; `None` for a saga that goes on.
    async fn recorded(&self) -> Result<Option<Outcome<S::Output>>, OutcomeError> {
        view::recorded_outcome::<S>(&self.inner, self.id).await
    }
}

impl<S> Clone for SagaHandle<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), id: self.id, live: self.live.clone(), of: PhantomData }
    }
}

impl<S> fmt::Debug for SagaHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
