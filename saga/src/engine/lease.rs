//! For how long a worker may begin attempts: as long as nobody else can have its sagas.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use crate::Timestamp;
use crate::store::Clock;

/// A worker's lease, as the worker knows it.
///
/// It counts from before each heartbeat was sent, by two clocks: one that no setting of the date moves, and that of the
/// date, which goes on also where the machine is asleep. Whichever says so first, it is over; where the date is set
/// forward, that is a little too soon, and does no harm.
pub(crate) struct Lease {
    length: Duration,
    clock: Clock,
    /// Until when it runs, in microseconds.
    until: AtomicI64,
    until_by_date: AtomicI64,
    /// How often it ran out before it was renewed.
    lapses: AtomicU32,
}

/// A time without a lapse of the lease. What was owned in an earlier one may be another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(u32);

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: Timestamp,
    date: Timestamp,
}

impl Lease {
    /// One that does not run yet.
    pub(crate) const fn new(length: Duration, clock: Clock) -> Self {
        let (until, until_by_date) = (AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN));
        Self { length, clock, until, until_by_date, lapses: AtomicU32::new(0) }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { at: self.clock.now(), date: Timestamp::system_now() }
    }

    /// The store took a heartbeat that was sent at `sent`, and says so now; whether the lease may have run out before.
    pub(crate) fn renew(&self, sent: Moment) -> bool {
        // By now, and not by when it was sent: it may have reached the store late.
        let has_lapsed = !self.runs_at(self.now());
        if has_lapsed {
            self.lapses.fetch_add(1, Ordering::Relaxed);
        }
        let until = |from: Timestamp| from.saturating_add(self.length).as_micros();
        self.until_by_date.store(until(sent.date), Ordering::Release);
        self.until.store(until(sent.at), Ordering::Release);
        has_lapsed
    }

    pub(crate) fn runs(&self) -> bool {
        self.runs_at(self.now())
    }

    /// The term of what is owned from now on.
    pub(crate) fn term(&self) -> Term {
        Term(self.lapses.load(Ordering::Acquire))
    }

    fn runs_at(&self, Moment { at, date }: Moment) -> bool {
        at.as_micros() < self.until.load(Ordering::Acquire)
            && date.as_micros() < self.until_by_date.load(Ordering::Acquire)
    }
}

/// What a drive knows of its worker's lease.
#[derive(Clone, Copy)]
pub(crate) struct Tenure<'a> {
    pub(crate) lease: &'a Lease,
    /// That in which the saga came to be owned.
    pub(crate) term: Term,
    /// Whether the clocks are looked at before each attempt. Where a commit costs something, this is nothing beside it;
    /// else the time of the drive's last wait has to do: a drive that waits for nothing holds its saga for no time.
    pub(crate) is_strict: bool,
}

impl Tenure<'_> {
    /// Whether nobody else can own the saga; `now` is the time of the drive's last wait. Once not, never again in this term.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        if self.is_strict {
            return self.holds_now();
        }
        let runs = now.as_micros() < self.lease.until.load(Ordering::Acquire);
        runs && self.lease.term() == self.term
    }

    /// The same, by the clocks.
    pub(crate) fn holds_now(&self) -> bool {
        // In this order: where it runs because it was renewed, the lapse before that is seen.
        self.lease.runs() && self.lease.term() == self.term
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{millis, secs};

    fn lease() -> Lease {
        let lease = Lease::new(secs(15), Clock::system());
        assert!(!lease.runs());
        lease.renew(lease.now());
        lease
    }

    fn holds(lease: &Lease, term: Term) -> [bool; 2] {
        let tenure = |is_strict| Tenure { lease, term, is_strict };
        [tenure(true).holds(lease.clock.now()), tenure(false).holds(lease.clock.now())]
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_counts_from_before_the_heartbeat_was_sent() {
        let lease = lease();
        let term = lease.term();
        let sent = lease.now();
        tokio::time::advance(secs(10)).await;
        assert!(!lease.renew(sent));
        tokio::time::advance(millis(4_999)).await;
        assert_eq!(holds(&lease, term), [true, true]);
        tokio::time::advance(millis(1)).await;
        assert_eq!(holds(&lease, term), [false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_owned_before_a_lapse_is_not_held_after_the_renewal() {
        let lease = lease();
        let before = lease.term();
        // The store may have had it only now.
        let sent = lease.now();
        tokio::time::advance(secs(15)).await;
        assert!(lease.renew(sent));
        assert!(!lease.runs());
        assert!(lease.renew(lease.now()));
        assert_eq!(holds(&lease, before), [false, false]);
        assert_eq!(holds(&lease, lease.term()), [true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_has_no_lease_though_its_clock_stood_still() {
        let lease = lease();
        let term = lease.term();
        let date = Timestamp::system_now().as_micros();
        // As if the date had gone on by 16 seconds.
        lease.until_by_date.store(date - 1_000_000, Ordering::Release);
        assert!(!holds(&lease, term)[0]);
        assert!(lease.renew(lease.now()));
        assert_eq!(holds(&lease, term), [false, false]);
    }
}
