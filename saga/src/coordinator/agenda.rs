//! What the search for work has to look at besides the store.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::policy::{RetryPolicy, exponential, millis, minutes, secs};
use crate::store::{Clock, StoreError};
use crate::{SagaId, Timestamp};

/// As many wake-ups are remembered; later ones are found by polling.
const WAKE_UPS_MAX: usize = 4_096;

/// Two searches for what is overdue are at least so far apart.
const PAUSE_MIN: Duration = millis(100);

/// Between tries where the store is out of reach: it may be back soon.
const UNAVAILABLE: RetryPolicy = exponential(u32::MAX, PAUSE_MIN, secs(5));

/// Between tries where the store has what it cannot read: somebody has to mend it first.
const UNREADABLE: RetryPolicy = exponential(u32::MAX, PAUSE_MIN, minutes(1));

#[derive(Default)]
pub(super) struct Agenda {
    /// When sagas that went back to the store are due.
    wake_ups: BinaryHeap<Reverse<Timestamp>>,
    /// Sagas that this worker owns and nobody drives: their driver gave up or panicked.
    orphans: HashMap<SagaId, Try>,
    /// A claim got no answer: it may have made this worker the owner of sagas that nobody drives.
    lost_claim: Option<Try>,
}

/// When something is tried.
#[derive(Debug, Clone, Copy)]
struct Try {
    /// How often it was tried before.
    failures: u32,
    at: Instant,
}

impl Try {
    fn first() -> Self {
        Self { failures: 0, at: Instant::now() }
    }

    fn after(failures: u32, policy: &RetryPolicy) -> Self {
        let at = Instant::now() + policy.delay_jittered(failures);
        Self { failures: failures.saturating_add(1), at }
    }

    fn is_due(&self) -> bool {
        self.at <= Instant::now()
    }
}

fn policy_for(error: &StoreError) -> &'static RetryPolicy {
    if matches!(error, StoreError::Unavailable { .. }) { &UNAVAILABLE } else { &UNREADABLE }
}

impl Agenda {
    /// A saga that went back to the store is due then.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        if self.wake_ups.len() < WAKE_UPS_MAX {
            self.wake_ups.push(Reverse(at));
        }
    }

    /// A saga is to be taken up again; one that is tried again later already keeps its time.
    pub(super) fn adopt(&mut self, saga: SagaId) {
        self.orphans.entry(saga).or_insert_with(Try::first);
    }

    /// A saga waits for a place, having failed so often before.
    pub(super) fn wait(&mut self, saga: SagaId, failures: u32) {
        self.orphans.insert(saga, Try { failures, at: Instant::now() + PAUSE_MIN });
    }

    /// A saga could not be taken up, having failed so often before.
    pub(super) fn fail(&mut self, saga: SagaId, failures: u32, error: &StoreError) {
        self.orphans.insert(saga, Try::after(failures, policy_for(error)));
    }

    /// The sagas whose time has come, with how often each failed before.
    pub(super) fn take_orphans(&mut self) -> Vec<(SagaId, u32)> {
        let due = self.orphans.extract_if(|_, try_| try_.is_due());
        due.map(|(saga, try_)| (saga, try_.failures)).collect()
    }

    /// A claim got no answer.
    pub(super) fn lose_claim(&mut self) {
        self.lost_claim.get_or_insert_with(Try::first);
    }

    /// If what a lost claim left is to be looked for now: how often that failed before.
    pub(super) fn take_lost_claim(&mut self) -> Option<u32> {
        self.lost_claim.take_if(|try_| try_.is_due()).map(|try_| try_.failures)
    }

    /// It could not be looked for, having failed so often before.
    pub(super) fn fail_lost_claim(&mut self, failures: u32, error: &StoreError) {
        self.lost_claim = Some(Try::after(failures, policy_for(error)));
    }

    /// When the search after the one that began at `began` is due: for what may have come too late for that one, or for
    /// what is tried again; at `poll` at the latest.
    pub(super) fn next_search(&mut self, began: Timestamp, poll: Instant, clock: &Clock) -> Instant {
        // One that is not due yet stays: the search may begin before it, for another reason.
        while self.wake_ups.peek().is_some_and(|Reverse(at)| *at <= began) {
            self.wake_ups.pop();
        }
        let wake_up = self.wake_ups.peek().map(|Reverse(at)| clock.instant_of(*at));
        let tries = self.orphans.values().chain(&self.lost_claim).map(|try_| try_.at).min();
        let tries = tries.map(|at| at.max(Instant::now() + PAUSE_MIN));
        [wake_up, tries].into_iter().flatten().fold(poll, Instant::min)
    }
}
