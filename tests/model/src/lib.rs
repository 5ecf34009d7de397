//! A model of the fleet: a few workers, one saga, one store, and what can go wrong between them.
//!
//! The checker goes through every order in which the workers, their clocks, the network and the store can act, within
//! the stated [`Bounds`]. What a worker decides is not modelled: the workers ask `saga::machine`, the code that
//! runs in production. What is modelled is the protocol around it, as the engine and the coordinator keep it: claim,
//! read the journal, append at the expected number, read back what was not answered, let go where the number is taken.
//!
//! Time is monotone and each fault has a budget, so no run goes in circles: that every run ends says that no state
//! without a next action is one in which the saga is neither ended nor parked.
//!
//! [`Rules`] takes single rules out of the protocol. A check that finds nothing then could not find anything.

mod bounds;
mod fleet;
mod promises;
mod shop;
mod store;
mod worker;
mod world;

pub use bounds::{Bounds, Rules};
pub use fleet::{Delivery, Fleet, Move};
pub use promises::{
    AT_MOST_ONCE, EVERY_RUN_ENDS, HONEST_END, JOURNAL_RULES, ONE_OWNER, RECORD_FIRST, SIGHTS,
};
pub use worker::Outcome;
pub use world::World;
