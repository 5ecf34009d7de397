//! The sagas that this process drives now.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::start::StartError;
use crate::SagaId;
use crate::engine::{Mailbox, Signal};
use crate::id_map::IdMap;
use crate::machine::State;
use crate::store::Counts;

/// One saga that is driven: how it is reached, and what its waiters hear.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) mailbox: Mailbox,
    recorded: OnceLock<Mutex<Result<(), Option<StartError>>>>,
    rest: OnceLock<Rest>,
    changed: Notify,
}

/// What a drive came to.
#[derive(Debug)]
pub(crate) enum Rest {
    /// The saga ended, or is parked. The output of a completed one is for the first who asks.
    Known(Box<State>, Mutex<Option<Box<dyn Any + Send>>>),
    /// Somebody else drives it on, or will.
    HandedOver,
}

impl Live {
    /// Tells the starter that the saga is recorded, or why it is not.
    pub(crate) fn set_recorded(&self, recorded: Result<(), StartError>) {
        // Only the first word counts: a saga that is recorded stays so.
        if self.recorded.set(Mutex::new(recorded.map_err(Some))).is_ok() {
            self.changed.notify_waiters();
        }
    }

    /// Returns once the saga is recorded, or cannot be.
    pub(crate) async fn recorded(&self) -> Result<(), StartError> {
        let recorded = self.wait_for(&self.recorded).await;
        match &mut *lock(recorded) {
            Ok(()) => Ok(()),
            Err(error) => Err(error.take().unwrap_or(StartError::ShuttingDown)),
        }
    }

    pub(crate) fn set_rest(&self, rest: Rest) {
        if self.rest.set(rest).is_ok() {
            self.changed.notify_waiters();
        }
    }

    /// Returns once the drive is over.
    pub(crate) async fn rest(&self) -> &Rest {
        self.wait_for(&self.rest).await
    }

    async fn wait_for<'a, T>(&self, cell: &'a OnceLock<T>) -> &'a T {
        loop {
            if let Some(value) = cell.get() {
                return value;
            }
            // Registered before the second look, so a `set` between the two is not lost.
            let changed = self.changed.notified();
            if let Some(value) = cell.get() {
                return value;
            }
            changed.await;
        }
    }
}

/// All of them, by id.
pub(crate) struct LiveSagas {
    shards: Box<[Mutex<Shard>]>,
    count: AtomicUsize,
    pub(crate) emptied: Notify,
}

type Shard = IdMap<Arc<Live>>;

const SHARDS: usize = 32;

impl Default for LiveSagas {
    fn default() -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            count: AtomicUsize::new(0),
            emptied: Notify::new(),
        }
    }
}

impl LiveSagas {
    /// Enters a saga; `None` where it is driven already.
    pub(crate) fn enter(&self, saga: SagaId) -> Option<Arc<Live>> {
        let live = Arc::new(Live::default());
        let mut shard = self.shard(saga);
        if shard.contains_key(&saga) {
            return None;
        }
        shard.insert(saga, Arc::clone(&live));
        self.count.fetch_add(1, Ordering::AcqRel);
        Some(live)
    }

    /// Takes a saga out, unless it has left already: it may have been taken up again since.
    pub(crate) fn leave(&self, saga: SagaId, live: &Arc<Live>) {
        let mut shard = self.shard(saga);
        if shard.get(&saga).is_some_and(|entered| Arc::ptr_eq(entered, live)) {
            shard.remove(&saga);
            drop(shard);
            if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.emptied.notify_waiters();
            }
        }
    }

    pub(crate) fn get(&self, saga: SagaId) -> Option<Arc<Live>> {
        self.shard(saga).get(&saga).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How many are in which state.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for shard in &self.shards {
            for live in lock(shard).values() {
                *counts.entry(live.mailbox.shown()).or_default() += 1;
            }
        }
        counts
    }

    /// Gives a signal to each.
    pub(crate) fn send_all(&self, signal: Signal) {
        for shard in &self.shards {
            for live in lock(shard).values() {
                live.mailbox.send(signal);
            }
        }
    }

    fn shard(&self, saga: SagaId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[saga.shard(SHARDS)])
    }
}

/// Nothing panics while one of these is held.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saga_that_was_taken_up_again_stays_when_its_last_drive_leaves() {
        let (sagas, saga) = (LiveSagas::default(), SagaId::new());
        let first = sagas.enter(saga).unwrap();
        sagas.leave(saga, &first);
        let second = sagas.enter(saga).unwrap();
        sagas.leave(saga, &first);
        assert!(sagas.get(saga).is_some_and(|live| Arc::ptr_eq(&live, &second)));
        assert_eq!(sagas.len(), 1);
    }
}
