//! What was written becomes what is meant, or a list of mistakes.

mod failure;
mod flow;
pub(crate) mod item;
mod saga;
mod signature;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use failure::failure;
pub(crate) use saga::{CheckedSaga, saga};
pub(crate) use step::{CheckedStep, calls, is_saga, is_step, step};
