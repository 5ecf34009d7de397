//! What the generated links of a flow are made of.

use std::sync::OnceLock;

use crate::{Failure, StepError};

/// What a link between two equal types has: the right to pass the data on.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Fit;

/// Passes data on; only a [`Fit`] can.
#[doc(hidden)]
pub trait Pass<T> {
    /// The data, as it was.
    fn pass(data: T) -> T;
}

impl<T> Pass<T> for Fit {
    fn pass(data: T) -> T {
        data
    }
}

/// Data that a step takes by value: it is cloned for each attempt.
#[diagnostic::on_unimplemented(
    message = "a step takes `{Self}` by value, but `{Self}` cannot be cloned",
    label = "taken by value, it is cloned for each attempt: take `&{Self}`, or derive `Clone`"
)]
#[doc(hidden)]
pub trait ByValue: Sized {
    /// A copy for one attempt.
    fn copy(data: &Self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> ByValue for T {
    fn copy(data: &Self) -> Self {
        data.clone()
    }
}

/// A `Result` behind an alias.
#[diagnostic::on_unimplemented(
    message = "a step must return a `Result` of its output and its error, not `{Self}`",
    label = "expected a `Result`"
)]
#[doc(hidden)]
pub trait StepResult {
    /// What it makes.
    type Output;
    /// What goes wrong.
    type Error: Failure;

    /// The result, its alias resolved.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T, E: Failure> StepResult for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The output of an earlier step, which the machine has seen done.
#[doc(hidden)]
pub fn given<T>(slot: &OnceLock<T>) -> Result<&T, StepError> {
    slot.get().ok_or_else(|| broken("a step began before what it takes was there"))
}

/// The output that a compensation takes: the machine undoes no step in doubt by it.
#[doc(hidden)]
pub fn undoable<T>(output: Option<&T>) -> Result<&T, StepError> {
    output.ok_or_else(|| broken("a step is undone that left no output"))
}

/// For an index that the definition doesn't have.
#[doc(hidden)]
#[must_use]
pub fn no_such_step() -> StepError {
    broken("the saga has no such step")
}

/// A rule of ours that does not hold.
fn broken(rule: &'static str) -> StepError {
    StepError::permanent(rule).with_type("saga").with_code("SAGA_BROKEN_RULE")
}
