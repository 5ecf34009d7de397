//! A clock that a test can stop.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::Timestamp;

/// Wall-clock time that runs on tokio's clock: it stands still and jumps where a test pauses that, and it never
/// goes backward.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    at: Timestamp,
    instant: Instant,
}

/// How long what this machine said holds for a thread.
const ASKED_AGE_MAX: Duration = crate::policy::minutes(1);

impl Clock {
    /// A clock that shows this machine's time.
    #[must_use]
    pub fn system() -> Self {
        Self::showing(Timestamp::system_now())
    }

    /// A clock that shows `now` now.
    #[must_use]
    pub fn showing(now: Timestamp) -> Self {
        Self { at: now, instant: Instant::now() }
    }

    /// A clock that shows this machine's time at `instant`, which is now. This machine is asked once a minute and
    /// thread: asking both of its clocks for each saga would cost more than a step.
    pub(crate) fn of_thread(instant: Instant) -> Self {
        thread_local! {
            static ASKED: Cell<Option<Clock>> = const { Cell::new(None) };
        }
        // A paused clock of an earlier runtime may have been ahead.
        let is_fresh = |asked: &Self| {
            instant.checked_duration_since(asked.instant).is_some_and(|age| age < ASKED_AGE_MAX)
        };
        ASKED.get().filter(is_fresh).unwrap_or_else(|| {
            let clock = Self { at: Timestamp::system_now(), instant };
            ASKED.set(Some(clock));
            clock
        })
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
