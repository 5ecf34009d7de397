//! Many processes on one store, and all that may happen to them: what the tests of a fleet share.
//!
//! The servers are the tests' own, in temporary folders on free ports, and are gone on every way out.

mod fault;
mod fleet;
mod guard;
mod load;
mod opened;
mod proxy;
mod server;
mod verdict;
mod worker;

pub use fault::{Fault, Plan};
pub use fleet::{Fleet, withstand};
pub use guard::Guard;
pub use opened::FreshStores;
pub use proxy::{Cut, Proxy};
pub use server::{Kind, Server};
pub use worker::{Told, Worker, WorkerOptions};
