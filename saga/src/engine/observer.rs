//! Who hears of what a saga did.

use crate::instruments::Stopwatch;
use crate::machine::{Event, Task};
use crate::{Definition, Labels, SagaId, Timestamp};

/// An event that the store took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) saga: SagaId,
    pub(crate) labels: &'a Labels,
    /// When the saga was recorded.
    pub(crate) started_at: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) event: &'a Event,
}

/// Hears of each event right after the store took it; must be quick, and never fail.
pub(crate) trait Observer: Send + Sync {
    fn observe(&self, observed: Observed<'_>);

    /// Hears that an attempt of this task of a step has ended.
    fn attempt_took(&self, definition: &Definition, of: (usize, Task), since: Stopwatch);
}
