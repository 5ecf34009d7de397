//! A clock that a test can stop.

use tokio::time::Instant;

use crate::Timestamp;

/// Wall-clock time that runs on tokio's clock: it stands still and jumps where a test pauses that, and it never
/// goes backward.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    at: Timestamp,
    instant: Instant,
}

impl Clock {
    /// A clock that shows this machine's time.
    #[must_use]
    pub fn system() -> Self {
        Self::showing(Timestamp::system_now())
    }

    /// A clock that shows `now` now.
    #[must_use]
    pub fn showing(now: Timestamp) -> Self {
        Self::showing_at(now, Instant::now())
    }

    /// A clock that showed `at` at `instant`.
    pub(crate) const fn showing_at(at: Timestamp, instant: Instant) -> Self {
        Self { at, instant }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// What it shows at `instant`.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Timestamp {
        self.at.saturating_add(instant.saturating_duration_since(self.instant))
    }

    /// The instant at which it shows `time`; now, where that is past.
    #[must_use]
    pub fn instant_of(&self, time: Timestamp) -> Instant {
        let ahead = time.since(self.now());
        // An instant that far ahead cannot be told: a wait of thirty years is long enough.
        Instant::now() + ahead.min(crate::policy::days(30 * 365))
    }
}
