//! How a running saga is reached from outside, and what is seen of it there.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::machine::SagaState;

/// What somebody wants a driver to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Signal {
    /// The store has requests for the saga.
    Requests = 1,
    /// The coordinator shuts down: begin no long wait, hand the saga over instead.
    Drain = 2,
    /// The coordinator's time is up: stop now.
    Halt = 4,
}

/// A set of signals that can be waited for; a signal is never lost, and given twice it counts once.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    signals: AtomicU8,
    changed: Notify,
    /// A [`SagaState`].
    state: AtomicU8,
}

impl Mailbox {
    pub(crate) fn send(&self, signal: Signal) {
        self.signals.fetch_or(signal as u8, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Gives the signal again, for when its receiver looks by itself: nobody is woken.
    pub(crate) fn put_back(&self, signal: Signal) {
        self.signals.fetch_or(signal as u8, Ordering::AcqRel);
    }

    pub(crate) fn has(&self, signal: Signal) -> bool {
        self.signals.load(Ordering::Acquire) & signal as u8 != 0
    }

    /// Takes the signal back; whether it was given.
    pub(crate) fn take(&self, signal: Signal) -> bool {
        self.signals.load(Ordering::Acquire) != 0
            && self.signals.fetch_and(!(signal as u8), Ordering::AcqRel) & signal as u8 != 0
    }

    /// Shows how the saga stands, as it is recorded.
    pub(crate) fn show(&self, state: SagaState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// What was shown last; before that, a saga is pending.
    pub(crate) fn shown(&self) -> SagaState {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        SagaState::ALL.get(state).copied().unwrap_or(SagaState::Pending)
    }

    /// Returns after a signal that came since the last return, or is not taken back yet.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
