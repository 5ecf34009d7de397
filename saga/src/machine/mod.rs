//! The state machine of one saga: pure, without clock, store or user code.
//!
//! A saga's [`State`] is a fold of its [`Event`]s. [`State::apply`] takes one event, or refuses one that doesn't
//! fit; [`State::next`] says what is to be done now. A first run and a recovery are the same code.

mod action;
mod apply;
mod event;
mod forward;
mod invariants;
mod next;
mod owner;
mod report;
mod request;
mod state;
mod verdict;

pub use action::{Action, Situation, StepSet, Task};
pub use apply::IllegalEvent;
pub use event::{By, DecodeEventError, EVENT_VERSION, Event, Record, SagaStarted, Then, fold};
pub use invariants::{Violation, invariant_rules, invariants, invariants_of_journal, invariants_with};
pub(crate) use owner::{owner, was_driven};
pub use report::{NotUndone, StuckReason};
pub use request::Request;
pub use state::{SagaState, State, StepState, StepStatus};
pub use verdict::verdict;
