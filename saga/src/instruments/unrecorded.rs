//! The empty stand-ins of a build without the feature `metrics`.

#![expect(clippy::unused_self, reason = "they stand in for methods that do something")]

use std::time::Duration;

use crate::machine::{Event, Task};
use crate::store::Counts;
use crate::{Definition, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Instruments;

impl Instruments {
    pub(crate) fn new(_: impl Iterator<Item = &'static Definition>) -> Self {
        Self
    }

    pub(crate) const fn count(&self, _: &Definition, _: (Timestamp, Timestamp), _: &Event) {}

    pub(crate) const fn count_undriven(&self, _: &str, _: (Timestamp, Timestamp), _: &Event) {}

    pub(crate) const fn count_claim(&self) {}

    pub(crate) const fn count_lease_loss(&self) {}

    pub(crate) const fn set_unknown(&self, _: u64) {}

    pub(crate) const fn count_start_timeout(&self) {}

    pub(crate) const fn attempt_took(&self, _: &Definition, _: (usize, Task), _: Stopwatch) {}
}

#[derive(Debug, Default)]
pub(crate) struct Gauges;

impl Gauges {
    pub(crate) fn new<'a>(_: impl Iterator<Item = &'a str>) -> Self {
        Self
    }

    pub(crate) const fn show_active(&self, _: &Counts) {}
}

#[derive(Debug, Clone, Default)]
pub(crate) struct WaitHistogram;

impl WaitHistogram {
    pub(crate) const fn of_starts() -> Self {
        Self
    }

    pub(crate) const fn of_attempts() -> Self {
        Self
    }

    pub(crate) const fn record(&self, _: Duration) {}
}

#[derive(Debug)]
pub(crate) struct Deliveries;

impl Deliveries {
    pub(crate) const fn new(_: &str) -> Self {
        Self
    }

    pub(crate) const fn taken(&self) {}

    pub(crate) const fn refused(&self) {}

    pub(crate) const fn put_off(&self) {}
}

#[derive(Debug, Default)]
pub(crate) struct Commits;

impl Commits {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn gathered(&self, _: usize) {}

    pub(crate) const fn count(&self, _: usize) {}

    /// The future itself: nothing is around it.
    pub(crate) fn timed<F>(&self, write: F) -> F {
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
