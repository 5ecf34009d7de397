//! How often, how long, and in which order: policies are values.
//!
//! Option values in `#[saga(..)]` and `#[step(..)]` are ordinary expressions with all of this in scope.

mod compensation;
mod defaults;
mod retention;
mod retry;

use std::time::Duration;

pub(crate) use compensation::Order;
pub use compensation::{
    Compensation, CompensationStrategy, OnUndoFailure, UndoPlan, best_effort, custom, parallel, sequential,
};
pub use defaults::Defaults;
pub use retention::{Retention, keep_for, keep_forever};
pub use retry::{RetryPolicy, exponential, fixed, linear, no_retry};

/// So many milliseconds.
#[must_use]
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
#[must_use]
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
#[must_use]
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// So many hours.
#[must_use]
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3_600))
}

/// So many days.
#[must_use]
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}
