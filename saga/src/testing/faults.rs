//! What goes wrong in a store, and what was asked of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::SagaId;

/// A call that a [`FaultyStore`](super::FaultyStore) passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// What was asked, in words.
    pub text: String,
    /// Whether it writes.
    pub access: Access,
    /// Whether it did anything: a claim that found nothing didn't.
    pub is_effective: bool,
}

/// What a call does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It looks.
    Read,
    /// It changes something.
    Write,
}

/// When in a call it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before the call reaches the store: it has no effect.
    Before,
    /// After the store did it: it has its effect, and the answer is lost.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harm {
    /// The process dies: neither this call nor any later one ever returns.
    Death,
    /// The caller gets [`Unavailable`](crate::StoreError::Unavailable); the next call goes well.
    Unavailable,
    /// The answer is lost on its way, and the driver calls again by itself: the caller gets the second answer.
    Repeated,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// At which call, from 0, as [`Faults::calls`] counts them.
    pub call: usize,
    /// When in it.
    pub moment: Moment,
    /// What.
    pub harm: Harm,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        match self.harm {
            Harm::Death => write!(f, "death {moment} call {}", self.call),
            Harm::Unavailable => write!(f, "no answer, {moment} call {}", self.call),
            Harm::Repeated => write!(f, "a second try, {moment} call {}", self.call),
        }
    }
}

/// What goes wrong in a [`FaultyStore`](super::FaultyStore), and what was asked of it. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    is_dead: AtomicBool,
    died: Notify,
    let_go: Notify,
}

#[derive(Debug, Default)]
struct State {
    planned: Vec<Fault>,
    /// For the next call that begins so.
    next: Vec<(&'static str, Moment, Harm)>,
    flaky: Option<Flaky>,
    /// Calls that begin so wait.
    held: Option<&'static str>,
    /// Answers to calls that begin so wait.
    held_answers: Option<&'static str>,
    /// What the last claim got, where each tells again of the one before it.
    told_again: Option<Vec<SagaId>>,
    /// Their journals cannot be read.
    unreadable: HashSet<SagaId>,
    calls: Vec<Call>,
}

/// Faults by the dice.
#[derive(Debug)]
struct Flaky {
    dice: fastrand::Rng,
    percent: u8,
    /// From this call on all goes well.
    until: usize,
}

impl Faults {
    /// Nothing goes wrong; the calls are counted.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This goes wrong.
    #[must_use]
    pub fn planned(faults: impl IntoIterator<Item = Fault>) -> Self {
        let planned = Self::default();
        planned.state().planned.extend(faults);
        planned
    }

    /// This goes wrong in the next call whose text begins so; called again, in the one after. Heartbeats are called
    /// `heartbeat`.
    pub fn fail_next(&self, text: &'static str, moment: Moment, harm: Harm) {
        self.state().next.push((text, moment, harm));
    }

    /// From now on calls whose text begins so wait before they reach the store, until [`let_go`](Self::let_go) or until
    /// another text is held. Heartbeats and lists are never held.
    pub fn hold(&self, text: &'static str) {
        self.state().held = Some(text);
        self.0.let_go.notify_waiters();
    }

    /// The same, but the store has done what they ask: its answers wait.
    pub fn hold_answers(&self, text: &'static str) {
        self.state().held_answers = Some(text);
        self.0.let_go.notify_waiters();
    }

    /// From now on each claim tells again of what the one before it got, as stores do whose answers can be lost.
    pub fn tell_claims_again(&self) {
        self.state().told_again.get_or_insert_default();
    }

    /// Adds to what a claim got what is told again.
    pub(super) fn tell_again(&self, claimed: &mut Vec<SagaId>) {
        if let Some(told_again) = &mut self.state().told_again {
            let before = std::mem::replace(told_again, claimed.clone());
            claimed.extend(before);
        }
    }

    /// All calls that wait go on, and no other waits.
    pub fn let_go(&self) {
        let mut state = self.state();
        (state.held, state.held_answers) = (None, None);
        drop(state);
        self.0.let_go.notify_waiters();
    }

    /// From now on the journal of this saga cannot be read: that is answered with
    /// [`Broken`](crate::StoreError::Broken), until it is [mended](Self::mend).
    pub fn spoil(&self, saga: SagaId) {
        self.state().unreadable.insert(saga);
    }

    /// The journal of this saga can be read again.
    pub fn mend(&self, saga: SagaId) {
        self.state().unreadable.remove(&saga);
    }

    pub(super) fn is_spoilt(&self, saga: SagaId) -> bool {
        self.state().unreadable.contains(&saga)
    }

    /// So many percent of the first `calls` calls get no answer, half of them after their effect.
    #[must_use]
    pub fn flaky(seed: u64, percent: u8, calls: usize) -> Self {
        let flaky = Self::default();
        flaky.state().flaky = Some(Flaky { dice: fastrand::Rng::with_seed(seed), percent, until: calls });
        flaky
    }

    /// The calls so far: all that write, and those that read a journal, requests or an instance. Heartbeats and
    /// lists are not counted.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns once the process is dead.
    pub async fn died(&self) {
        loop {
            let died = self.0.died.notified();
            if self.is_dead() {
                return;
            }
            died.await;
        }
    }

    /// Whether the process is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.is_dead.load(Ordering::Acquire)
    }

    pub(super) fn die(&self) {
        self.0.is_dead.store(true, Ordering::Release);
        self.0.died.notify_waiters();
    }

    /// Returns once a call with this text is not held.
    pub(super) async fn while_held(&self, text: &str) {
        self.wait_while(|state| state.held.is_some_and(|held| text.starts_with(held))).await;
    }

    /// Returns once the answer to a call with this text is not held.
    pub(super) async fn while_answer_held(&self, text: &str) {
        self.wait_while(|state| state.held_answers.is_some_and(|held| text.starts_with(held))).await;
    }

    async fn wait_while(&self, is_held: impl Fn(&State) -> bool) {
        loop {
            let let_go = self.0.let_go.notified();
            if !is_held(&self.state()) {
                return;
            }
            let_go.await;
        }
    }

    /// What goes wrong in a call that is not counted.
    pub(super) fn by_text(&self, text: &str) -> Option<(Moment, Harm)> {
        let next = &mut self.state().next;
        let index = next.iter().position(|(begin, ..)| text.starts_with(begin))?;
        let (_, moment, harm) = next.remove(index);
        Some((moment, harm))
    }

    /// Counts a call, and says what goes wrong in it.
    pub(super) fn begin(&self, text: String, access: Access) -> (usize, Option<(Moment, Harm)>) {
        let by_text = self.by_text(&text);
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(Call { text, access, is_effective: false });
        let planned = state.planned.iter().find(|fault| fault.call == number);
        let planned = planned.map(|fault| (fault.moment, fault.harm));
        let diced = state.flaky.as_mut().filter(|flaky| number < flaky.until).and_then(|flaky| {
            let moment = if flaky.dice.bool() { Moment::Before } else { Moment::After };
            (flaky.dice.u8(..100) < flaky.percent).then_some((moment, Harm::Unavailable))
        });
        (number, by_text.or(planned).or(diced))
    }

    pub(super) fn took_effect(&self, number: usize) {
        if let Some(call) = self.state().calls.get_mut(number) {
            call.is_effective = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
