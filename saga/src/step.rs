//! What the macros implement: steps, and the sagas made of them.

use crate::slot::Slot;
use std::future::Future;

use crate::definition::{Definition, StepDefinition};
use crate::link::no_such_step;
use crate::outline::StepOutline;
use crate::record::Record;
use crate::{Codec, ErrorCode, Payload, PayloadError, StepContext, StepError};

/// What is known of a step without its saga. `#[step]` implements it for a type of the function's name.
pub trait StepInfo {
    /// Its name, kind and timeout, for the checks that the compiler makes.
    #[doc(hidden)]
    const OUTLINE: StepOutline;

    /// Its options, as they stand in `#[step(..)]`.
    fn definition() -> StepDefinition;
}

/// A step, as the saga `S` sees it. `#[step]` implements it for a type of the function's name.
///
/// A step that names its saga is implemented for every `S`: what it takes and makes is known wherever it stands, so a
/// saga that it doesn't belong to is told just that, once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step of the saga `{S}`",
    label = "expected an `async fn` with `#[step]` whose first parameter is `&{S}` or `&StepContext<{S}>`"
)]
pub trait Step<S>: StepInfo {
    /// The saga that it belongs to.
    type Saga;
    /// References to its data parameters.
    type Args<'a>
    where
        Self::Saga: 'a;
    /// What it takes: a type, a tuple of them, or `()`.
    type Data;
    /// Whether what it takes and makes is known.
    #[doc(hidden)]
    type Certainty;
    /// What it makes. In a saga it must be `Send` and `Sync`.
    type Output: 'static;

    /// Its constants, for the checks that the compiler makes.
    #[doc(hidden)]
    const OUTLINE: StepOutline = <Self as StepInfo>::OUTLINE;

    /// How its output is recorded.
    #[doc(hidden)]
    const RECORD: Record<Self::Output>;

    /// Its options.
    #[doc(hidden)]
    #[must_use]
    fn describe() -> StepDefinition {
        <Self as StepInfo>::definition()
    }

    /// Runs one attempt.
    fn execute<'a>(
        cx: &'a StepContext<Self::Saga>,
        args: Self::Args<'a>,
    ) -> impl Future<Output = Result<Self::Output, StepError>> + Send + 'a
    where
        Self::Saga: Send + Sync + 'static;

    /// Asks whether an attempt in doubt took effect. Called only where the definition says `verify`.
    fn verify<'a>(
        cx: &'a StepContext<Self::Saga>,
        args: Self::Args<'a>,
    ) -> impl Future<Output = Result<Option<Self::Output>, StepError>> + Send + 'a
    where
        Self::Saga: Send + Sync + 'static,
    {
        _ = (cx, args);
        async { Err(no_such_step()) }
    }

    /// Undoes it. `output` is `None` for a step in doubt, which is undone only where the compensation doesn't
    /// take the output. Called only for a step that has a compensation.
    fn compensate<'a>(
        cx: &'a StepContext<Self::Saga>,
        output: Option<&'a Self::Output>,
        args: Self::Args<'a>,
    ) -> impl Future<Output = Result<(), StepError>> + Send + 'a
    where
        Self::Saga: Send + Sync + 'static,
    {
        _ = (cx, output, args);
        async { Err(no_such_step()) }
    }
}

/// How a step is called. `SHARED` says whether what it takes and makes can go from thread to thread: the calls of a step
/// assume that it can, and those of one where it cannot, which its saga is told once, are never made.
#[doc(hidden)]
pub trait StepCalls<const SHARED: bool, S, T: Step<S>> {
    /// Runs one attempt.
    fn execute<'a>(
        cx: &'a StepContext<T::Saga>,
        args: T::Args<'a>,
    ) -> impl Future<Output = Result<T::Output, StepError>> + Send + 'a
    where
        T::Saga: Send + Sync + 'static,
    {
        _ = (cx, args);
        async { Err(no_such_step()) }
    }

    /// Asks whether an attempt in doubt took effect. Called only where the definition says `verify`.
    fn verify<'a>(
        cx: &'a StepContext<T::Saga>,
        args: T::Args<'a>,
    ) -> impl Future<Output = Result<Option<T::Output>, StepError>> + Send + 'a
    where
        T::Saga: Send + Sync + 'static,
    {
        _ = (cx, args);
        async { Err(no_such_step()) }
    }

    /// Undoes it. `output` is `None` for a step in doubt, which is undone only where the compensation doesn't
    /// take the output. Called only for a step that has a compensation.
    fn compensate<'a>(
        cx: &'a StepContext<T::Saga>,
        output: Option<&'a T::Output>,
        args: T::Args<'a>,
    ) -> impl Future<Output = Result<(), StepError>> + Send + 'a
    where
        T::Saga: Send + Sync + 'static,
    {
        _ = (cx, output, args);
        async { Err(no_such_step()) }
    }
}

impl<S, T: Step<S>> StepCalls<false, S, T> for T {}

/// The `I`-th data parameter of a step: what the links of a flow compare.
#[diagnostic::on_unimplemented(
    message = "step `{Self}` has too few parameters for what it is given",
    label = "it takes less than is given here"
)]
pub trait Arg<S, const I: usize>: Step<S> {
    /// Its type, without the reference.
    type Data;
}

/// A saga: its services, its definition, and the typed way through its steps. `#[saga]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a saga",
    label = "expected a struct with `#[saga(..)]`"
)]
pub trait Saga: Send + Sync + Sized + 'static {
    /// What it is started with. The macro demands that it is `Serialize` and `DeserializeOwned`.
    type Input: Send + Sync + 'static;
    /// What it ends with: the output of the last stage, a tuple where that is parallel.
    type Output: Send + 'static;
    /// The outputs so far, one `Option` a step.
    type Outputs: 'static;
    /// The names of its steps, an enum.
    type Step: StepName;
    /// Where a running saga keeps its outputs.
    #[doc(hidden)]
    type Slots: Default + Send + Sync + 'static;

    /// How its input is recorded.
    #[doc(hidden)]
    const INPUT: InputRecord<Self>;

    /// Steps, kinds, policies and flow.
    fn definition() -> &'static Definition;

    /// Runs an attempt of the step with this index, and keeps its output. That a call can go from thread to thread
    /// follows from all that a saga is; it is asked for, so that a saga which isn't all that is refused just once.
    #[doc(hidden)]
    fn execute<'a>(call: Call<'a, Self>) -> impl Future<Output = Result<Payload, StepError>> + Send + 'a
    where
        for<'any> Call<'any, Self>: Send;

    /// Asks whether the step with this index took effect, and keeps the output if so.
    #[doc(hidden)]
    fn verify<'a>(
        call: Call<'a, Self>,
    ) -> impl Future<Output = Result<Option<Payload>, StepError>> + Send + 'a
    where
        for<'any> Call<'any, Self>: Send;

    /// Undoes the step with this index.
    #[doc(hidden)]
    fn compensate<'a>(call: Call<'a, Self>) -> impl Future<Output = Result<(), StepError>> + Send + 'a
    where
        for<'any> Call<'any, Self>: Send;

    /// Puts a recorded output back in its slot.
    #[doc(hidden)]
    fn restore(
        slots: &Self::Slots,
        step: usize,
        payload: &Payload,
        codec: &Codec,
    ) -> Result<(), PayloadError>;

    /// The outputs so far.
    #[doc(hidden)]
    fn outputs(slots: Self::Slots) -> Self::Outputs;

    /// The output of the last stage, if all of it is there.
    #[doc(hidden)]
    fn output(slots: &mut Self::Slots) -> Option<Self::Output>;
}

/// How a saga's input is recorded. A type of its own: what is wrong with the step that the input's type comes from
/// is then not said of a constant of ours too.
#[doc(hidden)]
pub struct InputRecord<S: Saga>(Record<S::Input>);

impl<S: Saga> InputRecord<S> {
    /// By this record.
    #[must_use]
    pub const fn new(record: Record<S::Input>) -> Self {
        Self(record)
    }

    pub(crate) fn encode(&self, codec: &Codec, input: &S::Input) -> Result<Payload, PayloadError> {
        self.0.encode(codec, input)
    }

    pub(crate) fn decode(&self, codec: &Codec, payload: &Payload) -> Result<S::Input, PayloadError> {
        self.0.decode(codec, payload)
    }
}

/// A step of a saga, by name.
pub trait StepName: Copy + AsRef<str> + std::fmt::Debug + Send + Sync + 'static {
    /// All steps, in the order of the flow.
    const ALL: &'static [Self];

    /// Its place in the definition.
    fn index(self) -> usize;
}

/// One attempt, as the generated code sees it.
#[doc(hidden)]
pub struct Call<'a, S: Saga> {
    pub cx: &'a StepContext<S>,
    pub input: &'a S::Input,
    pub slots: &'a S::Slots,
    pub step: usize,
    pub keep: Keep<'a>,
}

/// Where an output goes: to its slot, and encoded to the journal, if there is one.
#[derive(Clone, Copy)]
#[doc(hidden)]
pub struct Keep<'a> {
    pub codec: Option<&'a Codec>,
}

impl Keep<'_> {
    /// Encodes the output and puts it in its slot. An output that has no payload is in no slot either; its step
    /// did take effect, so the error says permanent, and the engine keeps the step in doubt.
    #[inline]
    pub fn output<T>(&self, slot: &Slot<T>, output: T, record: &Record<T>) -> Result<Payload, StepError> {
        let payload = match self.codec {
            None => Payload::EMPTY,
            Some(codec) => record.encode(codec, &output).map_err(unrecordable)?,
        };
        // Taken already only if two attempts of one step ended well, which the machine does not let happen.
        _ = slot.set(output);
        Ok(payload)
    }
}

/// The code of a step that took effect and whose output cannot be recorded.
pub(crate) const UNRECORDABLE: &str = ErrorCode::OutputUnrecordable.as_str();

fn unrecordable(error: PayloadError) -> StepError {
    StepError::permanent(error).with_code(UNRECORDABLE)
}
