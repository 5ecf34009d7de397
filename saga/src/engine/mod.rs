//! Drives one saga: asks the machine what is to be done, does it, and records what came of it before anything else
//! happens.

mod attempt;
mod committer;
mod driver;
mod flow;
mod journal;
mod lease;
mod mailbox;
mod observer;
mod run;
mod running;
mod sync;
mod trace;
mod workers;

pub(crate) use committer::Committer;
pub(crate) use driver::{Driver, Halt, Stop};
#[cfg(feature = "testing")]
pub(crate) use flow::{Flow, PlaceOf, place_for};
pub(crate) use flow::{OwnedFlow, TypedFlow};
pub(crate) use journal::{Durable, Journal, Recording};
pub(crate) use lease::{Lease, Tenure, Term};
pub(crate) use mailbox::{Mailbox, Signal};
pub(crate) use observer::{Observed, Observer};
pub use run::run;
pub(crate) use trace::saga_span;
pub(crate) use workers::{Waits, Workers};
