//! Numbers, each counted from the events that the store took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::FailureKind;
use crate::engine::Observed;
use crate::instruments::Instruments;
use crate::machine::{Event, SagaState, Then};

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
    /// The time from record to end of all sagas that ended, added up.
    #[serde(rename = "saga_duration_total_seconds", serialize_with = "as_seconds")]
    pub saga_duration_total: Duration,
    /// Takeovers of sagas that were recorded earlier.
    pub claims: u64,
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
        u32::try_from(self.sagas_ended().max(1))
            .map_or(Duration::ZERO, |ended| self.saga_duration_total / ended)
    }
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
            steps_completed: AtomicU64::default(),
            attempts: Default::default(),
            retries: AtomicU64::default(),
            steps_compensated: AtomicU64::default(),
            undo_attempts_failed: AtomicU64::default(),
        }
    }

    pub(crate) fn count(&self, observed: &Observed<'_>) {
        self.instruments.count(observed.definition, (observed.started_at, observed.at), observed.event);
        match observed.event {
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
                let micros = observed.at.since(observed.started_at).as_micros();
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
