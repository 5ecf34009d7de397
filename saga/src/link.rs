//! What the generated links of a flow are made of.

use crate::slot::Slot;

use crate::{ErrorCode, Failure, StepError};

/// Of a step of which all is known.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Sure;

/// Of a step with a mistake that hides what it takes or makes: whatever it is given fits, and so does what it gives.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Unsure;

/// Sure only where both are.
#[doc(hidden)]
pub trait And<Other> {
    /// The certainty of both.
    type Both;
}

impl<Other> And<Other> for Sure {
    type Both = Other;
}

impl<Other> And<Other> for Unsure {
    type Both = Self;
}

/// What is compared in a link of this certainty, and what comes of it.
#[doc(hidden)]
pub trait Certainty<Taken, Given> {
    /// What is held against what the step takes.
    type Given;
    /// What a link has that fits.
    type Fit;
}

impl<Taken, Given> Certainty<Taken, Given> for Sure {
    type Given = Given;
    type Fit = Fit;
}

impl<Taken, Given> Certainty<Taken, Given> for Unsure {
    type Given = Taken;
    type Fit = Unknown;
}

/// The right to pass data on between two equal types.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Fit;

/// Instead of it, where a mistake has been reported: the code is never run.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Unknown;

/// Passes data on.
#[diagnostic::on_unimplemented(
    message = "a step takes `{Taken}`, but is given `{Given}`",
    label = "a tuple is one parameter, and its parts are several"
)]
#[doc(hidden)]
pub trait Pass<Given, Taken> {
    /// The data, as it was.
    fn pass(data: Given) -> Taken;
}

#[diagnostic::do_not_recommend]
impl<T> Pass<T, T> for Fit {
    fn pass(data: T) -> T {
        data
    }
}

/// What takes no data takes `()`, be it the saga's input or what a step made.
#[diagnostic::do_not_recommend]
impl Pass<(&(),), ()> for Fit {
    fn pass(_: (&(),)) {}
}

#[diagnostic::do_not_recommend]
impl<Given, Taken> Pass<Given, Taken> for Unknown {
    fn pass(_: Given) -> Taken {
        unreachable!("this saga does not compile")
    }
}

/// What a step returns, its alias resolved. Where it is no `Result`, which is said once, `Guess` is what the step makes,
/// and nobody is sure of that.
#[diagnostic::on_unimplemented(
    message = "a step must return a `Result` of its output and its error, not `{Self}`",
    label = "expected a `Result`"
)]
#[doc(hidden)]
pub trait Returned<const IS_RESULT: bool, Guess> {
    /// What it makes.
    type Output;
    /// What goes wrong.
    type Error;
    /// Whether that is known.
    type Certainty;

    /// The result.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, E, Guess> Returned<true, Guess> for Result<T, E> {
    type Output = T;
    type Error = E;
    type Certainty = Sure;

    fn into_result(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T, Guess> Returned<false, Guess> for T {
    type Output = Guess;
    type Error = StepError;
    type Certainty = Unsure;

    fn into_result(self) -> Result<Guess, StepError> {
        unreachable!("this step does not compile")
    }
}

/// Answers whether a type is a `Result`: its own constant is looked for before that of [`IsNoResult`].
#[derive(Debug)]
#[doc(hidden)]
pub struct AskResult<T>(std::marker::PhantomData<T>);

impl<T, E> AskResult<Result<T, E>> {
    /// It is one.
    pub const ANSWER: bool = true;
}

/// The answer of all other types.
#[doc(hidden)]
pub trait IsNoResult {
    /// It is none.
    const ANSWER: bool = false;
}

impl<T> IsNoResult for AskResult<T> {}

/// Answers whether a type can go from thread to thread: its own constant is looked for before that of [`IsNotShared`].
#[derive(Debug)]
#[doc(hidden)]
pub struct AskShared<T>(std::marker::PhantomData<T>);

impl<T: Send + Sync> AskShared<T> {
    /// It can.
    pub const ANSWER: bool = true;
}

/// The answer of all other types.
#[doc(hidden)]
pub trait IsNotShared {
    /// It cannot.
    const ANSWER: bool = false;
}

impl<T> IsNotShared for AskShared<T> {}

/// A type where it can go from thread to thread. Where it cannot, which is said once, another stands for it.
#[doc(hidden)]
pub trait Shared<const SHARED: bool>: Sized {
    /// The type.
    type Type;

    /// The value.
    fn lend(shared: &Self::Type) -> &Self;

    /// The value.
    fn share(self) -> Self::Type;
}

impl<T> Shared<true> for T {
    type Type = T;

    #[inline]
    fn lend(shared: &T) -> &T {
        shared
    }

    #[inline]
    fn share(self) -> T {
        self
    }
}

impl<T> Shared<false> for T {
    type Type = ();

    fn lend((): &()) -> &T {
        unreachable!("this saga does not compile")
    }

    fn share(self) {}
}

/// The error as the runtime carries it. A function, and not the method: its bound is not looked into again where the
/// error type has a mistake.
#[doc(hidden)]
pub fn into_step_error<E: Failure>(error: E) -> StepError {
    error.into_step_error()
}

/// The output of an earlier step, which the machine has seen done.
#[doc(hidden)]
pub fn given<T>(slot: &Slot<T>) -> Result<&T, StepError> {
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
    StepError::permanent(rule).with_type("saga").with_code(ErrorCode::BrokenRule.as_str())
}
