//! What all clones of a coordinator, its sagas and its background tasks share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::agenda::Agenda;
use super::live::LiveSagas;
use super::publishers::Publishers;
use super::registry::Registry;
use crate::engine::{Committer, Lease, Observed, Observer, Signal, Waits, Workers};
use crate::instruments::{Gauges, Instruments, Stopwatch, WaitHistogram};
use crate::machine::{SagaState, Task};
use crate::observe::{Counters, Handler, Hub, Metrics};
use crate::policy::Defaults;
use crate::store::{Beat, Clock, Heartbeat, Store, StoreResult};
use crate::trace::TraceContext;
use crate::{Codec, Definition, SagaId, Timestamp, WorkerId};

/// The limits of a coordinator.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) sagas_max: usize,
    pub(crate) attempts_max: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) poll_interval: Duration,
}

pub(crate) struct Inner {
    pub(crate) worker: WorkerId,
    /// What renews the lease.
    pub(crate) beat: Beat,
    pub(crate) lease: Lease,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) committer: Committer,
    pub(crate) registry: Registry,
    pub(crate) codec: Codec,
    pub(crate) defaults: Defaults,
    pub(crate) limits: Limits,
    pub(crate) trace_context: Option<Box<dyn TraceContext>>,
    /// Runs on the store's time, as read when the coordinator was built.
    pub(crate) clock: Clock,
    /// A permit for each saga that is driven.
    pub(crate) sagas: Arc<Semaphore>,
    /// A permit for each attempt under way.
    pub(crate) workers: Workers,
    /// How long starts waited for one of `sagas`.
    pub(crate) start_waits: Waits,
    pub(crate) live: LiveSagas,
    pub(crate) hub: Hub,
    pub(crate) counters: Counters,
    pub(crate) gauges: Gauges,
    pub(crate) handlers: Mutex<Vec<Arc<Handler>>>,
    pub(crate) publishers: Publishers,
    /// Wakes the search for work before its time.
    pub(crate) claim_soon: Arc<Notify>,
    /// Wakes the heartbeat, which hears of requests, before its time.
    pub(crate) beat_soon: Arc<Notify>,
    last_heartbeat: Mutex<Instant>,
    /// Whether the lease is ended, and must not be renewed.
    pub(crate) is_retired: AtomicBool,
    is_closed: AtomicBool,
    agenda: Mutex<Agenda>,
}

impl Inner {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        registry: Registry,
        (codec, defaults, limits): (Codec, Defaults, Limits),
        trace_context: Option<Box<dyn TraceContext>>,
        clock: Clock,
        publishers: Publishers,
    ) -> Self {
        let counters = Counters::new(Instruments::new(registry.iter()));
        let worker = WorkerId::new();
        Self {
            worker,
            beat: Beat::new(worker, limits.lease).knowing(registry.keys()),
            lease: Lease::new(limits.lease, clock),
            committer: Committer::new(Arc::clone(&store)),
            store,
            registry,
            codec,
            defaults,
            trace_context,
            clock,
            sagas: Arc::new(Semaphore::new(limits.sagas_max)),
            workers: Workers::new(limits.attempts_max, Waits::new(WaitHistogram::of_attempts())),
            start_waits: Waits::new(WaitHistogram::of_starts()),
            gauges: Gauges::new(publishers.names()),
            limits,
            live: LiveSagas::default(),
            hub: Hub::default(),
            counters,
            handlers: Mutex::default(),
            publishers,
            claim_soon: Arc::default(),
            beat_soon: Arc::default(),
            last_heartbeat: Mutex::new(Instant::now()),
            is_retired: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            agenda: Mutex::default(),
        }
    }

    /// How long ago the lease was renewed.
    pub(crate) fn heartbeat_age(&self) -> Duration {
        self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Renews the lease.
    pub(crate) async fn heartbeat(&self) -> StoreResult<Heartbeat> {
        let sent = self.lease.now();
        let heartbeat = self.store.heartbeat(&self.beat).await?;
        if self.lease.renew(sent) {
            // What is not driven since it ran out can be claimed now.
            self.claim_soon.notify_one();
        }
        *self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(heartbeat)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Takes up no more sagas, and hands those over that just wait.
    pub(crate) fn close(&self) {
        if !self.is_closed.swap(true, Ordering::AcqRel) {
            self.live.send_all(Signal::Drain);
            self.claim_soon.notify_one();
        }
    }

    /// Looks for work at `at`, for a saga that went back to the store until then.
    pub(crate) fn wake_at(&self, at: Option<Timestamp>) {
        self.agenda().wake_at(at.unwrap_or_else(|| self.clock.now()));
        self.claim_soon.notify_one();
    }

    /// When the search for work after the one that began at `began` is due.
    pub(crate) fn next_search(&self, began: Timestamp) -> Instant {
        let poll = Instant::now() + self.limits.poll_interval;
        self.agenda().next_search(began, poll, &self.clock)
    }

    /// Remembers a saga that this worker owns and nobody drives.
    pub(crate) fn adopt_later(&self, saga: SagaId) {
        self.agenda().adopt(saga);
        self.claim_soon.notify_one();
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let commits = self.committer.stats();
        let active = self.live.counts();
        let in_state = |state: SagaState| active.get(&state).copied().unwrap_or(0);
        let (start_waits, start_wait_total) = self.start_waits.total();
        let (attempt_waits, attempt_wait_total) = self.workers.waits.total();
        Metrics {
            sagas_active: self.live.len() as u64,
            sagas_pending: in_state(SagaState::Pending),
            sagas_running: in_state(SagaState::Running),
            sagas_compensating: in_state(SagaState::Compensating),
            start_waits,
            start_wait_total,
            attempt_waits,
            attempt_wait_total,
            appends: commits.appends.load(Ordering::Relaxed),
            commits: commits.commits.load(Ordering::Relaxed),
            ..self.counters.snapshot()
        }
    }

    pub(super) fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Inner {
    fn observe(&self, observed: Observed<'_>) {
        self.counters.count(&observed);
        self.hub.send(observed);
        self.publishers.tell();
    }

    fn attempt_took(&self, definition: &Definition, of: (usize, Task), since: Stopwatch) {
        self.counters.instruments.attempt_took(definition, of, since);
    }
}
