//! What tests of sagas and of stores need: a store that fails on command, a world that remembers what was done to
//! it, and a driver that lets the process die at every write; and the laws that every store keeps.
//!
//! The shortest way to use it is [`crash_at_every_write`].

mod crash;
mod faults;
mod generated;
pub mod laws;
mod ledger;
mod life;
mod opening;
mod place;
mod sameness;
mod story;
mod subject;
mod verdict;

pub use crash::{CrashFailure, CrashReport, CrashTest, crash_at_every_write};
pub use faults::{Access, Call, Fault, Faults, FaultyStore, Harm, Moment};
pub use generated::GeneratedSaga;
pub use ledger::{Deed, Ledger, LedgerEntry};
pub use opening::{OpenStore, memory_store};
pub use place::StorePlace;

#[doc(inline)]
pub use crate::__durable_store_tests as durable_store_tests;
#[doc(inline)]
pub use crate::__store_tests as store_tests;
