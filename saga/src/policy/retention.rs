//! For how long ended sagas are kept.

use std::time::Duration;

use super::minutes;

/// For how long ended sagas are kept, by how they ended. What is older is deleted in the background, with its journal,
/// its key and its labels. Sagas that are active or stuck are never deleted.
///
/// ```
/// use saga::policy::{Retention, days, keep_for};
///
/// let retention = keep_for(days(30)).failed(days(365)).compensated(Retention::FOREVER);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub(crate) completed: Duration,
    pub(crate) compensated: Duration,
    pub(crate) cancelled: Duration,
    pub(crate) timed_out: Duration,
    pub(crate) failed: Duration,
    pub(crate) every: Duration,
}

/// Keeps every ended saga for this long.
#[must_use]
pub const fn keep_for(age: Duration) -> Retention {
    Retention {
        completed: age,
        compensated: age,
        cancelled: age,
        timed_out: age,
        failed: age,
        every: minutes(1),
    }
}

/// Keeps ended sagas for good, as a coordinator does where nothing else is said.
#[must_use]
pub const fn keep_forever() -> Retention {
    keep_for(Retention::FOREVER)
}

impl Retention {
    /// An age that nothing ever has.
    pub const FOREVER: Duration = Duration::MAX;

    /// Keeps completed sagas for this long.
    #[must_use]
    pub const fn completed(mut self, age: Duration) -> Self {
        self.completed = age;
        self
    }

    /// Keeps compensated sagas for this long.
    #[must_use]
    pub const fn compensated(mut self, age: Duration) -> Self {
        self.compensated = age;
        self
    }

    /// Keeps cancelled sagas for this long.
    #[must_use]
    pub const fn cancelled(mut self, age: Duration) -> Self {
        self.cancelled = age;
        self
    }

    /// Keeps sagas that timed out for this long.
    #[must_use]
    pub const fn timed_out(mut self, age: Duration) -> Self {
        self.timed_out = age;
        self
    }

    /// Keeps failed sagas, which left something behind, for this long.
    #[must_use]
    pub const fn failed(mut self, age: Duration) -> Self {
        self.failed = age;
        self
    }

    /// How often is looked for what is too old. Default: a minute.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(Duration::from_millis(10));
        self
    }

    /// Whether nothing is ever deleted.
    pub(crate) fn is_forever(&self) -> bool {
        let ages = [self.completed, self.compensated, self.cancelled, self.timed_out, self.failed];
        ages.iter().all(|age| *age == Self::FOREVER)
    }
}
