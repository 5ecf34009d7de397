//! What tests of sagas and of stores need: a store that fails on command, a world that remembers what was done to
//! it, a driver that lets the process die at every write, and the laws that every store keeps.
//!
//! The shortest way to test a saga is [`crash_at_every_write`]; [`CrashTest`] has the settings. A new store is tested
//! by [`store_tests!`](store_tests), and put through [`GeneratedSaga`]s with [`CrashTest::stores`].

mod crash;
mod fake_broker;
mod faults;
mod faulty_outbox;
mod faulty_store;
mod generated;
pub mod laws;
mod ledger;
mod life;
mod opening;
mod place;
mod report;
mod sameness;
mod story;
mod subject;
mod verdict;
mod watch;

pub use crash::{CrashTest, crash_at_every_write};
pub use fake_broker::{BrokerFault, FakeBroker, check_delivered};
pub use faults::{Access, Call, Fault, Faults, Harm, Moment};
pub use faulty_store::FaultyStore;
pub use generated::GeneratedSaga;
pub use ledger::{Deed, Ledger, LedgerEntry};
pub use opening::{OpenStore, memory_store};
pub use place::StorePlace;
pub use report::{CrashFailure, CrashReport};
pub use watch::watched_memory_store;

#[doc(inline)]
pub use crate::__durable_store_tests as durable_store_tests;
#[doc(inline)]
pub use crate::__store_tests as store_tests;
