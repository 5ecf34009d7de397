//! Deletes ended sagas that are old enough, in the background.
//!
//! Each coordinator of a fleet does it, in its own time: a saga that another has deleted is not there any more, and
//! that is all. A store that doesn't answer, or is slow, just delays it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::inner::Inner;
use crate::machine::SagaState;
use crate::policy::Retention;
use crate::store::{Purge, StoreResult};
use crate::{Timestamp, policy::millis};

/// As many sagas go at once.
const BATCH: usize = 200;

/// A pause after each batch is at least this long; else as long as the batch took, so that half of the time is the
/// sagas' own.
const PAUSE_MIN: Duration = millis(5);

pub(super) fn spawn(inner: &Arc<Inner>, retention: Retention) {
    if !retention.is_forever() {
        tokio::spawn(keep(Arc::downgrade(inner), retention));
    }
}

async fn keep(inner: Weak<Inner>, retention: Retention) {
    // Not all of a fleet that was started in one go at the same time.
    sleep(retention.every.mul_f64(fastrand::f64())).await;
    loop {
        for (state, age) in ages(&retention) {
            if let Err(error) = purge_all(&inner, state, age).await {
                tracing::warn!(%error, code = error.code().as_str(), "ended sagas cannot be purged; it is tried again");
                break;
            }
        }
        if is_over(&inner) {
            return;
        }
        sleep(retention.every).await;
        if is_over(&inner) {
            return;
        }
    }
}

fn is_over(inner: &Weak<Inner>) -> bool {
    inner.upgrade().is_none_or(|inner| inner.is_closed())
}

/// The states whose sagas go some day, and when.
fn ages(retention: &Retention) -> impl Iterator<Item = (SagaState, Duration)> {
    let ages = [
        (SagaState::Completed, retention.completed),
        (SagaState::Compensated, retention.compensated),
        (SagaState::Cancelled, retention.cancelled),
        (SagaState::TimedOut, retention.timed_out),
        (SagaState::Failed, retention.failed),
    ];
    ages.into_iter().filter(|(_, age)| *age != Retention::FOREVER)
}

/// Deletes what ended in this state longer ago than `age`, a batch at a time.
async fn purge_all(inner: &Weak<Inner>, state: SagaState, age: Duration) -> StoreResult<()> {
    let mut purged = 0;
    loop {
        // Held no longer than a batch takes: a coordinator that is dropped is not kept alive by this.
        let Some(inner) = inner.upgrade().filter(|inner| !inner.is_closed()) else { return Ok(()) };
        let began = Instant::now();
        let ended_before = before(inner.clock.now(), age);
        let purge = Purge { ended_before, states: vec![state], limit: BATCH };
        let taken = inner.store.purge(&purge).await?;
        drop(inner);
        purged += taken;
        if taken < BATCH as u64 {
            if purged > 0 {
                tracing::debug!(purged, %state, "ended sagas were purged");
            }
            return Ok(());
        }
        sleep(began.elapsed().max(PAUSE_MIN)).await;
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(age))
}
