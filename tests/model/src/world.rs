//! Everything at one moment.

use crate::shop::Outside;
use crate::store::{Append, Store};
use crate::worker::Worker;

/// One moment of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The store's clock.
    pub(crate) now: u8,
    pub(crate) store: Store,
    pub(crate) workers: Vec<Worker>,
    /// Appends that their writers have given up on, and that may reach the store still.
    pub(crate) strays: Vec<Append>,
    pub(crate) outside: Outside,
    pub(crate) left: Left,
    /// What was done that must not be: nothing but the checker sees it.
    pub(crate) flaws: Flaws,
}

/// What is left of each budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) drifts: u8,
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) failures: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Flaws {
    /// Somebody ran a step though the record of what was done before it was not in the store.
    pub(crate) unrecorded: bool,
    /// The machine refused an event of its own, or a journal.
    pub(crate) illegal: bool,
}
