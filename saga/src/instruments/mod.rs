//! What is told to the recorder of the `metrics` crate. Without the feature `metrics` all of this is empty: types of no
//! size, whose methods do nothing.
//!
//! Each handle is fetched once, when the coordinator is built: an event costs an addition, and no look-up by name.

#[cfg(feature = "metrics")]
mod catalog;
#[cfg(feature = "metrics")]
mod gauges;
#[cfg(feature = "metrics")]
mod recorded;
#[cfg(feature = "metrics")]
mod steps;
#[cfg(not(feature = "metrics"))]
mod unrecorded;

#[cfg(feature = "metrics")]
pub(crate) use gauges::Gauges;
#[cfg(feature = "metrics")]
pub(crate) use recorded::{Commits, Deliveries, Instruments, Stopwatch, WaitHistogram};
#[cfg(not(feature = "metrics"))]
pub(crate) use unrecorded::{Commits, Deliveries, Gauges, Instruments, Stopwatch, WaitHistogram};
