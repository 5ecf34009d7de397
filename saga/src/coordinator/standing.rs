//! How the store stands: what a probe asks for, and what gauges show.

use std::time::Duration;

use super::inner::Inner;
use crate::Timestamp;
use crate::machine::SagaState;
use crate::policy::secs;
use crate::store::outbox::CursorStatus;
use crate::store::{Counts, SagaFilter, Sort, StoreError, StoreResult};

/// What the store said.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) counts: Counts,
    /// When the oldest saga was recorded that has not ended and is not stuck.
    pub(super) oldest_active: Option<Timestamp>,
    /// Since when the saga waits that waits longest for somebody to drive it.
    pub(super) oldest_runnable: Option<Timestamp>,
    /// The cursors of all publishers of the store.
    pub(super) cursors: Vec<CursorStatus>,
}

/// How long the store may take for its answers.
const TIMEOUT: Duration = secs(5);

impl Standing {
    /// Asks the store. Each answer is of its own moment.
    pub(super) async fn of(inner: &Inner) -> StoreResult<Self> {
        within(Self::asked(inner)).await
    }

    async fn asked(inner: &Inner) -> StoreResult<Self> {
        let store = &inner.store;
        let active = SagaFilter::new()
            .state(SagaState::Pending)
            .state(SagaState::Running)
            .state(SagaState::Compensating)
            .sort(Sort::OldestFirst)
            .limit(1);
        Ok(Self {
            counts: store.counts().await?,
            oldest_active: store.list(&active).await?.sagas.first().map(|oldest| oldest.created_at),
            oldest_runnable: store.oldest_free().await?,
            cursors: match store.outbox() {
                Some(outbox) => outbox.cursors().await?,
                None => Vec::new(),
            },
        })
    }
}

/// What comes in time; an error where nothing does.
pub(super) async fn within<T>(answer: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    let late = |_| StoreError::unavailable(format!("no answer within {TIMEOUT:?}"));
    tokio::time::timeout(TIMEOUT, answer).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}
