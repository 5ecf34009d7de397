//! A saga in flight with its types erased: what the engine sees of the user's code.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;

use tokio_util::sync::ReusableBoxFuture;

use crate::context::{Attempt, OpenContext};
use crate::machine::Task;
use crate::step::{Call, Keep};
use crate::{Codec, Payload, PayloadError, Saga, StepError};

/// What an attempt ends with.
pub(crate) type AttemptOutcome = Result<Option<Payload>, StepError>;

/// An attempt's code under way. Where one has ended, the next of the saga takes its place in memory.
pub(crate) type AttemptFuture<'a> = ReusableBoxFuture<'a, AttemptOutcome>;

/// A saga's input, its outputs so far, and its code.
pub(crate) trait Flow: Send + Sync {
    /// Runs one attempt, in the place of `spare`. What it returns is the payload of the output, `None` from an undo,
    /// or from a `verify` that found nothing.
    fn attempt<'a>(
        &'a self,
        step: usize,
        task: Task,
        attempt: &Attempt<'a>,
        spare: Option<AttemptFuture<'a>>,
    ) -> AttemptFuture<'a>;
}

/// `future`, in the place of `spare`.
#[inline]
pub(crate) fn in_place_of<'a>(
    spare: Option<AttemptFuture<'a>>,
    future: impl Future<Output = AttemptOutcome> + Send + 'a,
) -> AttemptFuture<'a> {
    match spare {
        Some(mut spare) => {
            spare.set(future);
            spare
        }
        None => ReusableBoxFuture::new(future),
    }
}

/// A flow that stands on its own.
pub(crate) trait OwnedFlow: Flow {
    /// Puts a recorded output back.
    fn restore(&self, step: usize, payload: &Payload) -> Result<(), PayloadError>;

    /// The typed output of the last stage, if all of it is there.
    fn into_output(self: Box<Self>) -> Option<Box<dyn Any + Send>>;

    /// The engine's view of it.
    fn as_flow(&self) -> &dyn Flow;
}

/// The flow of a saga `S`, which stands behind `P`: a reference or an `Arc`.
pub(crate) struct TypedFlow<P, S: Saga> {
    saga: P,
    input: S::Input,
    slots: S::Slots,
    codec: Option<Codec>,
    of: PhantomData<fn() -> S>,
}

impl<P, S: Saga> TypedFlow<P, S> {
    /// A flow at its beginning; without a codec, no output is encoded.
    #[inline]
    pub(crate) fn new(saga: P, input: S::Input, codec: Option<Codec>) -> Self {
        Self { saga, input, slots: S::Slots::default(), codec, of: PhantomData }
    }

    /// The output of the last stage, if all of it is there.
    pub(crate) fn output(&mut self) -> Option<S::Output> {
        S::output(&mut self.slots)
    }
}

impl<P: Deref<Target = S> + Send + Sync, S: Saga> Flow for TypedFlow<P, S> {
    fn attempt<'a>(
        &'a self,
        step: usize,
        task: Task,
        attempt: &Attempt<'a>,
        spare: Option<AttemptFuture<'a>>,
    ) -> AttemptFuture<'a> {
        let keep = Keep { codec: self.codec.as_ref() };
        let (input, slots) = (&self.input, &self.slots);
        // Made here and not within: what a future captures and what it makes lie side by side, and are copied.
        let cx = OpenContext::new(&*self.saga, attempt);
        match task {
            Task::Execute => in_place_of(spare, async move {
                S::execute(Call { cx: &cx, input, slots, step, keep }).await.map(Some)
            }),
            Task::Verify => {
                in_place_of(spare, async move { S::verify(Call { cx: &cx, input, slots, step, keep }).await })
            }
            Task::Undo => in_place_of(spare, async move {
                S::compensate(Call { cx: &cx, input, slots, step, keep }).await.map(|()| None)
            }),
        }
    }
}

impl<P: Deref<Target = S> + Send + Sync, S: Saga> OwnedFlow for TypedFlow<P, S> {
    fn restore(&self, step: usize, payload: &Payload) -> Result<(), PayloadError> {
        match &self.codec {
            Some(codec) => S::restore(&self.slots, step, payload, codec),
            None => Ok(()),
        }
    }

    fn into_output(mut self: Box<Self>) -> Option<Box<dyn Any + Send>> {
        self.output().map(|output| Box::new(output) as Box<dyn Any + Send>)
    }

    fn as_flow(&self) -> &dyn Flow {
        self
    }
}
