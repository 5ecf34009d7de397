//! Shows the recorder of metrics what cannot be counted as it happens: how many sagas are in which state, and how old the
//! oldest are.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::inner::Inner;
use super::standing::Standing;
use crate::policy::secs;

/// How often this process's own sagas are counted.
const INTERVAL: Duration = secs(10);

/// The store is asked with every third look: some questions of a few rows each.
const LOOKS_A_QUESTION: u32 = 3;

pub(super) fn spawn(inner: &Arc<Inner>) {
    tokio::spawn(sample(Arc::downgrade(inner)));
}

async fn sample(inner: Weak<Inner>) {
    for look in (0..LOOKS_A_QUESTION).cycle() {
        {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_closed() && inner.live.len() == 0 {
                return;
            }
            inner.gauges.show_active(&inner.live.counts());
            if look == 0 {
                ask(&inner).await;
            }
        }
        sleep(INTERVAL).await;
    }
}

async fn ask(inner: &Inner) {
    match Standing::of(inner).await {
        Ok(Standing { counts, oldest_active, oldest_runnable, cursors }) => {
            let now = inner.clock.now();
            inner.gauges.show_store(&counts, (oldest_active, oldest_runnable), now);
            inner.gauges.show_cursors(&cursors, now);
        }
        Err(error) => {
            tracing::warn!(%error, code = error.code().as_str(), "the store cannot be sampled: its gauges are old");
        }
    }
}
