//! What is to be done next, as data.

use super::Event;
use crate::Timestamp;
use crate::definition::STEPS_MAX;
use crate::policy::Defaults;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Append this event, then ask again.
    Record(Event),
    /// Begin this attempt, count its step as running, then ask again.
    Attempt {
        /// The step's index.
        step: usize,
        /// Which attempt, from 1.
        number: u32,
        /// What is attempted.
        task: Task,
    },
    /// Nothing until a running attempt ends, a request comes, or this time.
    Wait {
        /// When to ask again at the latest.
        until: Option<Timestamp>,
    },
    /// Nothing until an operator acts.
    Park,
    /// Nothing any more.
    End,
}

/// What an attempt does with its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Runs it.
    Execute,
    /// Asks whether it took effect.
    Verify,
    /// Undoes it.
    Undo,
}

/// What a decision rests on besides the state.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The time.
    pub now: Timestamp,
    /// The steps with an attempt under way.
    pub running: StepSet,
    /// What holds where the definition says nothing.
    pub defaults: &'a Defaults,
}

/// A set of step indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepSet(u128);

impl StepSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Whether `step` is in it.
    #[must_use]
    pub const fn contains(self, step: usize) -> bool {
        self.0 & Self::bit(step) != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Puts `step` in.
    pub const fn insert(&mut self, step: usize) {
        self.0 |= Self::bit(step);
    }

    /// Takes `step` out.
    pub const fn remove(&mut self, step: usize) {
        self.0 &= !Self::bit(step);
    }

    /// The steps in it, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..STEPS_MAX).filter(move |&step| self.contains(step))
    }

    /// A definition of more steps is refused before it comes here.
    const fn bit(step: usize) -> u128 {
        if step < STEPS_MAX { 1 << step } else { 0 }
    }
}
