//! The task that drives one saga.

use std::sync::{Arc, Mutex};

use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, Span};

use super::inner::Inner;
use super::live::{Live, Rest};
use super::park;
use super::start::StartError;
use crate::context::SagaScope;
use crate::engine::{Driver, Durable, Halt, Journal, OwnedFlow, Recording, Stop, Tenure, Term};
use crate::machine::{Event, SagaState, State, StuckReason};
use crate::timer::Deadlines;
use crate::{Definition, Labels, SagaId, Timestamp};

/// A saga about to be driven.
pub(super) struct Task {
    pub(super) id: SagaId,
    pub(super) definition: &'static Definition,
    pub(super) flow: Box<dyn OwnedFlow>,
    pub(super) labels: Labels,
    pub(super) state: State,
    /// The first event of a new saga.
    pub(super) first: Option<Event>,
    pub(super) sequence: u64,
    pub(super) head: Option<SagaState>,
    pub(super) started_at: Option<Timestamp>,
    /// That of the lease in which it came to be owned.
    pub(super) term: Term,
    pub(super) span: Span,
    /// Its place among the concurrent sagas, given back on every way out.
    pub(super) place: OwnedSemaphorePermit,
}

/// Takes the saga out of the live ones on every way out, a panic included.
struct Leaving {
    inner: Arc<Inner>,
    live: Arc<Live>,
    id: SagaId,
    /// Whether this worker still owns the saga, and nobody drives it.
    is_orphan: bool,
}

impl Leaving {
    /// The place is free, and the saga out of the live ones, before anybody hears of the end.
    fn rests(&self, rest: Rest, place: OwnedSemaphorePermit) {
        self.inner.live.leave(self.id, &self.live);
        drop(place);
        self.live.set_rest(rest);
    }
}

/// The end of a drive that nobody has heard of yet.
struct Untold {
    leaving: Leaving,
    rest: Rest,
    place: OwnedSemaphorePermit,
}

impl Untold {
    fn tell(self) {
        let Self { leaving, rest, place } = self;
        leaving.rests(rest, place);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.inner.live.leave(self.id, &self.live);
        // Both are no-ops where the drive came to its end in order.
        self.live.set_rest(Rest::HandedOver);
        self.live.set_recorded(Err(StartError::ShuttingDown));
        if self.is_orphan && !self.inner.is_closed() {
            self.inner.adopt_later(self.id);
        }
    }
}

impl Task {
    pub(super) fn spawn(self, inner: &Arc<Inner>, live: Arc<Live>) {
        live.mailbox.show(self.state.saga_state());
        let inner = Arc::clone(inner);
        let span = self.span.clone();
        // Behind a pointer: the runtime moves a task about before it runs.
        if span.is_disabled() {
            tokio::spawn(Box::pin(self.drive(inner, live)));
        } else {
            // The span is closed before anybody hears of the end: whoever waits for that finds the trace whole.
            tokio::spawn(Box::pin(async move {
                if let Some(untold) = Box::pin(self.drive(inner, live)).instrument(span).await {
                    untold.tell();
                }
            }));
        }
    }

    /// Drives the saga and tells of its rest; what is left to be told, where the drive is traced.
    async fn drive(self, inner: Arc<Inner>, live: Arc<Live>) -> Option<Box<Untold>> {
        let Self {
            id,
            definition,
            flow,
            labels,
            mut state,
            first,
            sequence,
            head,
            started_at,
            term,
            span,
            place,
        } = self;
        let is_traced = !span.is_disabled();
        // Dropped last: whoever waits for the drive's end finds the place free, and all told.
        let mut leaving = Leaving { inner: Arc::clone(&inner), live: Arc::clone(&live), id, is_orphan: true };
        let scope = SagaScope::new(id, labels, Deadlines::new(definition.steps.len()));
        let mut driver = Driver {
            definition,
            defaults: &inner.defaults,
            flow: flow.as_flow(),
            scope: &scope,
            mailbox: &live.mailbox,
            workers: Some(&inner.workers),
            clock: inner.clock,
            journal: Journal::Durable(Durable {
                saga: id,
                worker: inner.worker,
                definition,
                labels: &scope.labels,
                store: inner.store.as_ref(),
                committer: &inner.committer,
                observer: inner.as_ref(),
                mailbox: &live.mailbox,
                sequence,
                head,
                started_at,
                answered: None,
            }),
            span,
            trace_context: inner.trace_context.as_deref(),
            wait_max: inner.limits.lease,
            tenure: Some(Tenure { lease: &inner.lease, term, is_strict: inner.committer.gathers }),
        };
        let stop = driver.drive(&mut state, first, || live.set_recorded(Ok(()))).await;
        drop(driver);
        let rest = match stop {
            Ok(Stop::Rests) => {
                leaving.is_orphan = false;
                let output =
                    (state.saga_state() == SagaState::Completed).then(|| flow.into_output()).flatten();
                Rest::Known(Box::new(state), Mutex::new(output))
            }
            Ok(Stop::Released(until)) => {
                leaving.is_orphan = false;
                inner.wake_at(until);
                Rest::HandedOver
            }
            Err(halt) => {
                leaving.is_orphan = halted(&inner, id, &live, halt).await;
                Rest::HandedOver
            }
        };
        if is_traced {
            return Some(Box::new(Untold { leaving, rest, place }));
        }
        leaving.rests(rest, place);
        None
    }
}

/// What a drive that stopped where it stood means for its saga; whether it is this worker's to take up again.
async fn halted(inner: &Arc<Inner>, id: SagaId, live: &Live, halt: Halt) -> bool {
    match halt {
        Halt::Recording(Recording::KeyTaken(existing)) => {
            live.set_recorded(Err(StartError::Joined(existing)));
            false
        }
        Halt::Recording(Recording::NotStarted(source)) => {
            live.set_recorded(Err(StartError::Store { saga: id, source }));
            // If it is recorded after all, it is driven; if not, there is nothing to load.
            true
        }
        Halt::Recording(Recording::Fenced) => {
            inner.counters.count_lease_loss();
            tracing::warn!(saga.id = %id, "another worker took the saga over");
            // Or this one: its lease had run out, and it claimed its own saga. Who owns it is looked up.
            true
        }
        Halt::Recording(Recording::Halted) | Halt::Halted => true,
        Halt::Unleased => {
            tracing::warn!(saga.id = %id, "the lease ran out: another worker may own the saga, and it is let go");
            inner.beat_soon.notify_one();
            true
        }
        Halt::Illegal(illegal) => {
            tracing::error!(saga.id = %id, %illegal, "an event did not fit; the saga is parked");
            let reason = StuckReason::IllegalJournal { message: illegal.to_string() };
            park::park_as_is(inner, id, reason).await.is_err()
        }
    }
}
