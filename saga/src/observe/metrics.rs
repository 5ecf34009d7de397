//! Numbers, each counted from the events that the store took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::engine::Observed;
use crate::instruments::Instruments;
use crate::machine::{Event, SagaState, Then};
use crate::{FailureKind, Timestamp};

/// What a coordinator counted since it was built. Only its own work: other processes have their own.
///
/// Its JSON, for a probe, is in `docs/metrics.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Sagas recorded.
    pub sagas_started: u64,
    /// Sagas that ended with every step done.
    pub sagas_completed: u64,
    /// Sagas of which a step failed, and that are wholly undone.
    pub sagas_compensated: u64,
    /// Sagas that were cancelled, and are wholly undone.
    pub sagas_cancelled: u64,
    /// Sagas whose deadline passed, and that are wholly undone.
    pub sagas_timed_out: u64,
    /// Sagas that ended with something not undone.
    pub sagas_failed: u64,
    /// How often a saga was parked.
    pub sagas_stuck: u64,
    /// Sagas driven now.
    pub sagas_active: u64,
    /// Sagas of the whole store that no live worker knows, as of the last look; there is one every 30 s.
    pub sagas_unknown: u64,
    /// Of those, the ones that wait for their start, or for their first record.
    pub sagas_pending: u64,
    /// Of those, the ones that go forward.
    pub sagas_running: u64,
    /// Of those, the ones that go back.
    pub sagas_compensating: u64,
    /// Starts that found no place among the concurrent sagas free, and waited.
    pub start_waits: u64,
    /// How long they waited, added up.
    #[serde(rename = "start_wait_total_seconds", serialize_with = "as_seconds")]
    pub start_wait_total: Duration,
    /// Starts that got no place in time, and recorded nothing.
    pub start_timeouts: u64,
    /// The time from record to end of all sagas that ended, added up.
    #[serde(rename = "saga_duration_total_seconds", serialize_with = "as_seconds")]
    pub saga_duration_total: Duration,
    /// Takeovers of sagas that were recorded earlier.
    pub claims: u64,
    /// Drives that stopped because the saga had another owner.
    pub lease_losses: u64,
    /// Steps done.
    pub steps_completed: u64,
    /// Attempts that failed for now.
    pub attempts_transient: u64,
    /// Attempts that failed for good.
    pub attempts_permanent: u64,
    /// Attempts that a rule of the business refused.
    pub attempts_business: u64,
    /// Attempts in doubt.
    pub attempts_in_doubt: u64,
    /// Retries scheduled, of steps, verifications and undos.
    pub retries: u64,
    /// Steps undone.
    pub steps_compensated: u64,
    /// Attempts to undo that failed.
    pub undo_attempts_failed: u64,
    /// Attempts that found no worker free, and waited.
    pub attempt_waits: u64,
    /// How long they waited, added up.
    #[serde(rename = "attempt_wait_total_seconds", serialize_with = "as_seconds")]
    pub attempt_wait_total: Duration,
    /// Appends handed to the store, each of one saga.
    pub appends: u64,
    /// Durable commits, each of one batch of appends.
    pub commits: u64,
}

impl Metrics {
    /// Sagas that ended, however.
    #[must_use]
    pub const fn sagas_ended(&self) -> u64 {
        self.sagas_completed
            + self.sagas_compensated
            + self.sagas_cancelled
            + self.sagas_timed_out
            + self.sagas_failed
    }

    /// The mean time from record to end; zero before the first end.
    #[must_use]
    pub fn saga_duration_mean(&self) -> Duration {
        mean(self.saga_duration_total, self.sagas_ended())
    }

    /// The mean wait of the starts that waited; zero before the first.
    #[must_use]
    pub fn start_wait_mean(&self) -> Duration {
        mean(self.start_wait_total, self.start_waits)
    }

    /// The mean wait of the attempts that waited; zero before the first.
    #[must_use]
    pub fn attempt_wait_mean(&self) -> Duration {
        mean(self.attempt_wait_total, self.attempt_waits)
    }
}

fn mean(total: Duration, count: u64) -> Duration {
    let micros = total.as_micros().checked_div(u128::from(count)).unwrap_or(0);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The counters behind [`Metrics`], and those of the recorder.
pub(crate) struct Counters {
    pub(crate) instruments: Instruments,
    started: AtomicU64,
    ended: [AtomicU64; SagaState::ALL.len()],
    stuck: AtomicU64,
    unknown: AtomicU64,
    duration_micros: AtomicU64,
    claims: AtomicU64,
    lease_losses: AtomicU64,
    start_timeouts: AtomicU64,
    steps_completed: AtomicU64,
    attempts: [AtomicU64; 4],
    retries: AtomicU64,
    steps_compensated: AtomicU64,
    undo_attempts_failed: AtomicU64,
}

impl Counters {
    pub(crate) fn new(instruments: Instruments) -> Self {
        Self {
            instruments,
            started: AtomicU64::default(),
            ended: Default::default(),
            stuck: AtomicU64::default(),
            unknown: AtomicU64::default(),
            duration_micros: AtomicU64::default(),
            claims: AtomicU64::default(),
            lease_losses: AtomicU64::default(),
            start_timeouts: AtomicU64::default(),
            steps_completed: AtomicU64::default(),
            attempts: Default::default(),
            retries: AtomicU64::default(),
            steps_compensated: AtomicU64::default(),
            undo_attempts_failed: AtomicU64::default(),
        }
    }

    pub(crate) fn count(&self, observed: &Observed<'_>) {
        let times = (observed.started_at, observed.at);
        self.instruments.count(observed.definition, times, observed.event);
        self.add_up(times, observed.event);
    }

    /// Counts an event of a saga that cannot be driven.
    pub(crate) fn count_undriven(&self, definition: &str, times: (Timestamp, Timestamp), event: &Event) {
        self.instruments.count_undriven(definition, times, event);
        self.add_up(times, event);
    }

    fn add_up(&self, (started_at, at): (Timestamp, Timestamp), event: &Event) {
        match event {
            Event::SagaStarted(_) => add(&self.started, 1),
            Event::Claimed { .. } => add(&self.claims, 1),
            Event::StepCompleted { .. } => add(&self.steps_completed, 1),
            Event::StepFailed { failure, then, .. } => {
                add(&self.attempts[failure.kind as usize], 1);
                self.count_retry(*then);
            }
            Event::VerifyFailed { then, .. } => self.count_retry(*then),
            Event::StepCompensated { .. } => add(&self.steps_compensated, 1),
            Event::CompensationFailed { then, .. } => {
                add(&self.undo_attempts_failed, 1);
                self.count_retry(*then);
            }
            Event::Stuck { .. } => add(&self.stuck, 1),
            Event::Ended { state, .. } => {
                add(&self.ended[*state as usize], 1);
                let micros = at.since(started_at).as_micros();
                add(&self.duration_micros, u64::try_from(micros).unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }

    /// A saga of this process was taken over, or over again.
    pub(crate) fn count_claim(&self) {
        add(&self.claims, 1);
        self.instruments.count_claim();
    }

    /// So many sagas of the store are known to no live worker.
    pub(crate) fn set_unknown(&self, sagas: u64) {
        self.unknown.store(sagas, Ordering::Relaxed);
        self.instruments.set_unknown(sagas);
    }

    pub(crate) fn count_lease_loss(&self) {
        add(&self.lease_losses, 1);
        self.instruments.count_lease_loss();
    }

    pub(crate) fn count_start_timeout(&self) {
        add(&self.start_timeouts, 1);
        self.instruments.count_start_timeout();
    }

    fn count_retry(&self, then: Then) {
        if matches!(then, Then::Retry { .. }) {
            add(&self.retries, 1);
        }
    }

    pub(crate) fn snapshot(&self) -> Metrics {
        let ended = |state: SagaState| get(&self.ended[state as usize]);
        let attempts = |kind: FailureKind| get(&self.attempts[kind as usize]);
        Metrics {
            sagas_started: get(&self.started),
            sagas_completed: ended(SagaState::Completed),
            sagas_compensated: ended(SagaState::Compensated),
            sagas_cancelled: ended(SagaState::Cancelled),
            sagas_timed_out: ended(SagaState::TimedOut),
            sagas_failed: ended(SagaState::Failed),
            sagas_stuck: get(&self.stuck),
            sagas_unknown: get(&self.unknown),
            saga_duration_total: Duration::from_micros(get(&self.duration_micros)),
            claims: get(&self.claims),
            lease_losses: get(&self.lease_losses),
            start_timeouts: get(&self.start_timeouts),
            steps_completed: get(&self.steps_completed),
            attempts_transient: attempts(FailureKind::Transient),
            attempts_permanent: attempts(FailureKind::Permanent),
            attempts_business: attempts(FailureKind::Business),
            attempts_in_doubt: attempts(FailureKind::InDoubt),
            retries: get(&self.retries),
            steps_compensated: get(&self.steps_compensated),
            undo_attempts_failed: get(&self.undo_attempts_failed),
            ..Metrics::default()
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// A duration in JSON.
pub(super) fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
