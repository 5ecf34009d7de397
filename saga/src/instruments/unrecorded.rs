//! The empty stand-ins of a build without the feature `metrics`.

#![expect(clippy::unused_self, reason = "they stand in for methods that do something")]

use crate::machine::{Event, Task};
use crate::{Definition, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Instruments;

impl Instruments {
    pub(crate) fn new(_: impl Iterator<Item = &'static Definition>) -> Self {
        Self
    }

    pub(crate) const fn count(&self, _: &Definition, _: (Timestamp, Timestamp), _: &Event) {}

    pub(crate) const fn count_claim(&self) {}

    pub(crate) const fn count_lease_loss(&self) {}

    pub(crate) const fn set_unknown(&self, _: u64) {}

    pub(crate) const fn attempt_took(&self, _: &Definition, _: (usize, Task), _: Stopwatch) {}
}

#[derive(Debug, Default)]
pub(crate) struct ActiveSagas;

impl ActiveSagas {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn entered(&self) {}

    pub(crate) const fn left(&self) {}
}

#[derive(Debug, Default)]
pub(crate) struct Commits;

impl Commits {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// The future itself: nothing is around it.
    pub(crate) fn timed<F>(&self, _: usize, write: F) -> F {
        write
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch;

impl Stopwatch {
    pub(crate) const fn start() -> Self {
        Self
    }
}
