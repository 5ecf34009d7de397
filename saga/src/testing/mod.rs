//! What tests of sagas and of stores need: a store that fails on command, a world that remembers what was done to
//! it, and a driver that lets the process die at every write.
//!
//! The shortest way to use it is [`crash_at_every_write`]; [`CrashTest`] has the settings. A new store is put through
//! [`GeneratedSaga`]s with [`CrashTest::stores`].

mod crash;
mod faults;
mod faulty_store;
mod generated;
mod ledger;
mod life;
mod opening;
mod report;
mod sameness;
mod story;
mod subject;
mod verdict;

pub use crash::{CrashTest, crash_at_every_write};
pub use faults::{Access, Call, Fault, Faults, Harm, Moment};
pub use faulty_store::FaultyStore;
pub use generated::GeneratedSaga;
pub use ledger::{Deed, Ledger, LedgerEntry};
pub use opening::{OpenStore, memory_store};
pub use report::{CrashFailure, CrashReport};
