//! Shows the recorder of metrics what cannot be counted as it happens: how many sagas are in which state, and how old the
//! oldest are.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::inner::Inner;
use super::standing::Standing;
use crate::policy::secs;

/// How often. The store is asked some questions of a few rows each.
const INTERVAL: Duration = secs(10);

pub(super) fn spawn(inner: &Arc<Inner>) {
    tokio::spawn(sample(Arc::downgrade(inner)));
}

async fn sample(inner: Weak<Inner>) {
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_closed() && inner.live.len() == 0 {
                return;
            }
            inner.gauges.show_active(&inner.live.counts());
            match Standing::of(&inner).await {
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
        sleep(INTERVAL).await;
    }
}
