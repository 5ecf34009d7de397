//! What is meant: everything here fits together as far as tokens can tell.

mod failure;
mod saga;
mod step;

pub(crate) use failure::{ErrorType, Variant};
pub(crate) use saga::{FlowStep, Saga, Source};
pub(crate) use step::{Compensation, Datum, Passes, Returns, Signature, Step, Taken, Undo};
