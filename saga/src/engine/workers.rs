//! The places of attempts, and how long those wait that find none free.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::Instant;

use crate::instruments::WaitHistogram;

/// As many attempts run at the same time.
pub(crate) struct Workers {
    places: Semaphore,
    pub(crate) waits: Waits,
}

impl Workers {
    pub(crate) fn new(count: usize, waits: Waits) -> Self {
        Self { places: Semaphore::new(count), waits }
    }

    pub(crate) fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.places.try_acquire()
    }

    /// A place, for an attempt that found none free.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let since = Instant::now();
        let place = self.places.acquire().await;
        self.waits.count(since.elapsed());
        place
    }
}

/// How long waits took. Who finds a place free has not waited, and costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    count: AtomicU64,
    micros: AtomicU64,
    histogram: WaitHistogram,
}

impl Waits {
    pub(crate) fn new(histogram: WaitHistogram) -> Self {
        Self { histogram, ..Self::default() }
    }

    pub(crate) fn count(&self, wait: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.histogram.record(wait);
    }

    /// How many there were, and how long all of them took.
    pub(crate) fn total(&self) -> (u64, Duration) {
        let micros = self.micros.load(Ordering::Relaxed);
        (self.count.load(Ordering::Relaxed), Duration::from_micros(micros))
    }
}
