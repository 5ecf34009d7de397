//! What is looked up from time to time, and not counted as it happens.

use std::sync::{Mutex, PoisonError};

use metrics::{Gauge, gauge};

use super::catalog;
use crate::Timestamp;
use crate::machine::SagaState;
use crate::store::Counts;
use crate::store::outbox::CursorStatus;

/// The states in which a saga is driven, or waits to be.
pub(crate) const ACTIVE: [SagaState; 3] = [SagaState::Pending, SagaState::Running, SagaState::Compensating];

/// The gauges of a coordinator.
pub(crate) struct Gauges {
    active: [(SagaState, Share); ACTIVE.len()],
    store: [(SagaState, Gauge); ACTIVE.len() + 1],
    oldest_active: Gauge,
    oldest_runnable: Gauge,
    publishers: Box<[PublisherGauges]>,
}

struct PublisherGauges {
    name: String,
    lag: Gauge,
    lag_age: Gauge,
    dead_letters: Gauge,
}

impl Gauges {
    /// Fetches the handles from the recorder of this moment.
    pub(crate) fn new<'a>(publishers: impl Iterator<Item = &'a str>) -> Self {
        let active = |state: SagaState| gauge!(catalog::SAGAS_ACTIVE.name, "state" => state.as_str());
        let store = |state: SagaState| (state, gauge!(catalog::STORE_SAGAS.name, "state" => state.as_str()));
        let [pending, running, compensating] = ACTIVE;
        Self {
            active: ACTIVE.map(|state| (state, Share::new(active(state)))),
            store: [pending, running, compensating, SagaState::Stuck].map(store),
            oldest_active: gauge!(catalog::STORE_OLDEST_ACTIVE.name),
            oldest_runnable: gauge!(catalog::STORE_OLDEST_RUNNABLE.name),
            publishers: publishers.map(PublisherGauges::new).collect(),
        }
    }

    /// Shows how many sagas this process drives in each state.
    pub(crate) fn show_active(&self, counts: &Counts) {
        for (state, share) in &self.active {
            share.set(counts.get(state).copied().unwrap_or(0));
        }
    }

    /// Shows how many sagas of the store are in each state, and since when the oldest of them are there.
    pub(crate) fn show_store(
        &self,
        counts: &Counts,
        (oldest_active, oldest_runnable): (Option<Timestamp>, Option<Timestamp>),
        now: Timestamp,
    ) {
        for (state, gauge) in &self.store {
            gauge.set(as_float(counts.get(state).copied().unwrap_or(0)));
        }
        self.oldest_active.set(age(oldest_active, now));
        self.oldest_runnable.set(age(oldest_runnable, now));
    }

    /// Shows how far the cursors of this process's publishers are.
    pub(crate) fn show_cursors(&self, cursors: &[CursorStatus], now: Timestamp) {
        for publisher in &self.publishers {
            let cursor = cursors.iter().find(|cursor| cursor.name == publisher.name);
            publisher.lag.set(as_float(cursor.map_or(0, |cursor| cursor.behind)));
            publisher.lag_age.set(age(cursor.and_then(|cursor| cursor.oldest_at), now));
            publisher.dead_letters.set(as_float(cursor.map_or(0, |cursor| cursor.dead_letters)));
        }
    }
}

impl PublisherGauges {
    fn new(name: &str) -> Self {
        let labels = [("publisher", name.to_owned())];
        Self {
            name: name.to_owned(),
            lag: gauge!(catalog::PUBLISHER_LAG.name, &labels),
            lag_age: gauge!(catalog::PUBLISHER_LAG_AGE.name, &labels),
            dead_letters: gauge!(catalog::DEAD_LETTERS.name, &labels),
        }
    }
}

/// A coordinator's part of a gauge: those of all coordinators of a process add up, and each takes its own back.
struct Share {
    gauge: Gauge,
    told: Mutex<f64>,
}

impl Share {
    const fn new(gauge: Gauge) -> Self {
        Self { gauge, told: Mutex::new(0.0) }
    }

    fn set(&self, count: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauge.increment(as_float(count) - *told);
        *told = as_float(count);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.since(since).as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
const fn as_float(count: u64) -> f64 {
    count as f64
}
