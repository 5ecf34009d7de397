//! A saga in flight with its types erased: what the engine sees of the user's code.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context::{Attempt, OpenContext};
use crate::machine::Task;
use crate::step::{Call, Keep};
use crate::{Codec, Payload, PayloadError, Saga, StepError};

/// What an attempt ends with: the payload of the output, `None` from an undo, or from a `verify` that found nothing.
pub(crate) type AttemptOutcome = Result<Option<Payload>, StepError>;

/// Where attempts of a saga run, one after another.
pub(crate) type PlaceOf<'a> = Pin<Box<dyn Place<'a> + 'a>>;

/// A saga's input, its outputs so far, and its code.
pub(crate) trait Flow: Send + Sync {
    /// A place for attempts, empty.
    fn place(&self) -> PlaceOf<'_>;
}

/// Room for one attempt under way.
pub(crate) trait Place<'a>: Send {
    /// Begins this attempt, where the last one was, and polls it once.
    fn begin(
        self: Pin<&mut Self>,
        task: Task,
        attempt: &Attempt<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<AttemptOutcome>;

    /// Polls the attempt that has begun and not ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AttemptOutcome>;
}

pin_project! {
    /// A place for the futures that `make` makes.
    struct PlaceFor<M, F> {
        make: M,
        #[pin]
        future: Option<F>,
    }
}

/// A place for what `make` makes of an attempt: the next attempt takes the room of the last one.
pub(crate) fn place_for<'a, F>(make: impl Fn(Task, &Attempt<'a>) -> F + Send + 'a) -> PlaceOf<'a>
where
    F: Future<Output = AttemptOutcome> + Send + 'a,
{
    Box::pin(PlaceFor { make, future: None })
}

impl<'a, M, F> Place<'a> for PlaceFor<M, F>
where
    M: Fn(Task, &Attempt<'a>) -> F + Send,
    F: Future<Output = AttemptOutcome> + Send,
{
    fn begin(
        self: Pin<&mut Self>,
        task: Task,
        attempt: &Attempt<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<AttemptOutcome> {
        let mut this = self.project();
        this.future.set(Some((this.make)(task, attempt)));
        this.future.as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AttemptOutcome> {
        self.project().future.as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
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
    fn place(&self) -> PlaceOf<'_> {
        let keep = Keep { codec: self.codec.as_ref() };
        let (saga, input, slots) = (&*self.saga, &self.input, &self.slots);
        place_for(move |task, attempt| {
            let step = attempt.index;
            // Made here and not within: what a future captures and what it makes lie side by side, and are copied.
            let cx = OpenContext::new(saga, attempt);
            async move {
                let call = Call { cx: &cx, input, slots, step, keep };
                match task {
                    Task::Execute => S::execute(call).await.map(Some),
                    Task::Verify => S::verify(call).await,
                    Task::Undo => S::compensate(call).await.map(|()| None),
                }
            }
        })
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
