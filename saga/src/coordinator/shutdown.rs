//! The orderly end of a coordinator.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::inner::Inner;
use crate::engine::Signal;

/// What a shutdown came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sagas that were under way when the shutdown began and ended, or were handed over in order, in time.
    pub drained: usize,
    /// Sagas that were stopped where they stood; whoever claims them next goes on there.
    pub handed_over: usize,
}

/// After the shutdown timeout, drives are given this long to stop.
pub(super) const HALT_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) async fn shutdown(inner: &Inner) -> ShutdownReport {
    let at_first = inner.live.len();
    inner.close();
    // Also those that were about to wait when the others were told.
    inner.live.send_all(Signal::Drain);
    let deadline = Instant::now() + inner.limits.shutdown_timeout;
    emptied(inner, deadline).await;
    let handed_over = inner.live.len();
    if handed_over > 0 {
        inner.live.send_all(Signal::Halt);
        emptied(inner, Instant::now() + HALT_TIMEOUT).await;
    }
    // What the sagas did last is published too, as far as there is time.
    inner.publishers.stop(deadline.max(Instant::now() + HALT_TIMEOUT)).await;
    inner.gauges.show_active(&inner.live.counts());
    inner.is_retired.store(true, Ordering::Release);
    if let Err(error) = inner.store.retire(inner.worker).await {
        tracing::warn!(%error, "the lease could not be ended; it runs out by itself");
    }
    ShutdownReport { drained: at_first.saturating_sub(handed_over), handed_over }
}

/// Returns once no saga is driven, or at `deadline`.
async fn emptied(inner: &Inner, deadline: Instant) {
    while inner.live.len() > 0 {
        let emptied = inner.live.emptied.notified();
        if inner.live.len() == 0 || timeout_at(deadline, emptied).await.is_err() {
            return;
        }
    }
}
