//! How long attempts may take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

/// When the attempts under way are dropped, one place a step.
///
/// An attempt's time runs from when anybody first looks: the attempt itself, or the engine where it has not ended
/// with its first poll. Most attempts of a quick step end before, and never ask the clock.
#[derive(Debug)]
pub(crate) struct Deadlines {
    origin: Instant,
    /// Nanoseconds after the origin; 0: nobody has looked, `FOR_EVER`: it is never dropped.
    after_origin: SmallVec<[AtomicU64; 4]>,
}

const FOR_EVER: u64 = u64::MAX;

impl Deadlines {
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            origin: Instant::now(),
            after_origin: std::iter::repeat_with(AtomicU64::default).take(steps).collect(),
        }
    }

    /// When these were made.
    pub(crate) const fn origin(&self) -> Instant {
        self.origin
    }

    /// An attempt of the step begins: nobody has looked at its time yet. A step has at most one attempt under way.
    pub(crate) fn begin(&self, step: usize) {
        self.after_origin[step].store(0, Ordering::Relaxed);
    }

    /// The deadline of the step's attempt, from now on fixed.
    pub(crate) fn deadline(&self, step: usize, timeout: Duration) -> Option<Instant> {
        let place = &self.after_origin[step];
        let mut after_origin = place.load(Ordering::Relaxed);
        if after_origin == 0 {
            let deadline = self.origin.elapsed().saturating_add(timeout).as_nanos();
            let fresh = u64::try_from(deadline).unwrap_or(FOR_EVER).max(1);
            // Whoever looked first has fixed it.
            let fixed = place.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
            after_origin = fixed.err().unwrap_or(fresh);
        }
        let is_bounded = after_origin != FOR_EVER;
        is_bounded.then(|| self.origin.checked_add(Duration::from_nanos(after_origin))).flatten()
    }
}
