//! What people ask of a saga: cancel, retry, skip, supply, abandon.

use serde::Serialize;

use super::{Coordinator, give_up};
use crate::engine::Signal;
use crate::machine::{Request, SagaState};
use crate::{ErrorCode, PayloadError, SagaId, SagaInstance, StoreError};

/// A request that could not be made. The saga is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// There is no such saga.
    #[error("there is no saga {saga}")]
    NotFound {
        /// The id.
        saga: SagaId,
    },
    /// The saga has ended: nothing can be asked of it.
    #[error("saga {saga} has ended: it is {state}")]
    Ended {
        /// The id.
        saga: SagaId,
        /// How it ended.
        state: SagaState,
    },
    /// Only a parked saga can be operated on.
    #[error("saga {saga} is {state}, and only a stuck saga can be {request}")]
    NotStuck {
        /// The id.
        saga: SagaId,
        /// How it stands.
        state: SagaState,
        /// What was asked.
        request: &'static str,
    },
    /// The saga has no such step.
    #[error("`{definition}` has no step `{step}`; it has {known}")]
    UnknownStep {
        /// The saga's definition.
        definition: String,
        /// What was asked for.
        step: String,
        /// The steps that it has.
        known: String,
    },
    /// The output is not what the step makes, or cannot be encoded.
    #[error("that is no output of the step: {0}")]
    Payload(#[from] PayloadError),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OperateError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Ended { .. } => ErrorCode::Ended,
            Self::NotStuck { .. } => ErrorCode::NotStuck,
            Self::UnknownStep { .. } => ErrorCode::UnknownStep,
            Self::Payload(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl Coordinator {
    /// Asks a saga to turn back: the running attempt ends, no step begins, all is undone, and it ends `Cancelled`.
    /// Past the point of no return the saga refuses, and an event says so. Any process may ask; once this
    /// returned, the request is recorded.
    ///
    /// ```
    /// # use saga::{Coordinator, MemoryStore, Outcome, StartOptions, StepError, policy::hours, saga, step};
    /// # #[saga(steps(greet))]
    /// # struct Greeting;
    /// # #[step(compensate = none)]
    /// # async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> { Ok(format!("hello {name}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(Greeting).build().await?;
    /// let later = StartOptions::new().delay(hours(1));
    /// let greeting = coordinator.start_with::<Greeting>("Ada".to_owned(), later).await?;
    /// coordinator.cancel(greeting.id(), "she has left").await?;
    ///
    /// let Outcome::Cancelled(cancelled) = greeting.outcome().await? else { panic!("not cancelled") };
    /// assert_eq!(cancelled.reason, "she has left");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn cancel(&self, id: SagaId, reason: impl Into<String>) -> Result<(), OperateError> {
        let state = self.instance_of(id).await?.state;
        if state.is_ended() {
            return Err(OperateError::Ended { saga: id, state });
        }
        self.request(id, state, Request::Cancel { reason: reason.into() }).await
    }

    /// Lets a parked saga go on where it stood, with fresh attempts.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # use saga::{Coordinator, MemoryStore, Outcome, SagaState, StepError, saga, step};
    /// # #[saga(steps(pay))]
    /// # #[derive(Default)]
    /// # struct Shop { bank_answers: std::sync::Arc<AtomicBool> }
    /// # #[step(pivot, retry = no_retry())]
    /// # async fn pay(shop: &Shop, euros: &u32) -> Result<String, StepError> {
    /// #     if shop.bank_answers.load(Ordering::Relaxed) { Ok(format!("receipt over {euros}")) }
    /// #     else { Err(StepError::in_doubt("no answer")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let shop = Shop::default();
    /// # let bank_answers = shop.bank_answers.clone();
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(shop).build().await?;
    /// let order = coordinator.start::<Shop>(70).await?;
    /// assert_eq!(order.outcome().await?.state(), SagaState::Stuck); // the bank gave no answer
    ///
    /// bank_answers.store(true, Ordering::Relaxed);
    /// coordinator.retry(order.id()).await?;
    /// assert_eq!(order.outcome().await?, Outcome::Completed("receipt over 70".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn retry(&self, id: SagaId) -> Result<(), OperateError> {
        let state = self.stuck(id, "retried").await?.state;
        self.request(id, state, Request::Retry).await
    }

    /// Says that a step of a parked saga was undone by hand; the saga goes on. Of a pivot in doubt it says that it
    /// did not take effect.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # use saga::{Coordinator, MemoryStore, Outcome, SagaState, StepError, saga, step};
    /// # #[saga(steps(pay))]
    /// # #[derive(Default)]
    /// # struct Shop { bank_answers: std::sync::Arc<AtomicBool> }
    /// # #[step(pivot, retry = no_retry())]
    /// # async fn pay(shop: &Shop, euros: &u32) -> Result<String, StepError> {
    /// #     if shop.bank_answers.load(Ordering::Relaxed) { Ok(format!("receipt over {euros}")) }
    /// #     else { Err(StepError::in_doubt("no answer")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let shop = Shop::default();
    /// # let bank_answers = shop.bank_answers.clone();
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(shop).build().await?;
    /// let order = coordinator.start::<Shop>(70).await?;
    /// assert_eq!(order.outcome().await?.state(), SagaState::Stuck); // the bank gave no answer
    ///
    /// coordinator.skip(order.id(), "pay", "the bank says: no such payment").await?;
    /// assert_eq!(order.outcome().await?.state(), SagaState::Compensated);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn skip(
        &self,
        id: SagaId,
        step: impl AsRef<str>,
        note: impl Into<String>,
    ) -> Result<(), OperateError> {
        let SagaInstance { definition, state, .. } = self.stuck(id, "skipped").await?;
        let step = self.known_step(&definition, step.as_ref())?;
        self.request(id, state, Request::Skip { step, note: note.into() }).await
    }

    /// Says that a step of a parked saga was done by hand, with this output; the saga goes on.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # use saga::{Coordinator, MemoryStore, Outcome, SagaState, StepError, saga, step};
    /// # #[saga(steps(pay))]
    /// # #[derive(Default)]
    /// # struct Shop { bank_answers: std::sync::Arc<AtomicBool> }
    /// # #[step(pivot, retry = no_retry())]
    /// # async fn pay(shop: &Shop, euros: &u32) -> Result<String, StepError> {
    /// #     if shop.bank_answers.load(Ordering::Relaxed) { Ok(format!("receipt over {euros}")) }
    /// #     else { Err(StepError::in_doubt("no answer")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let shop = Shop::default();
    /// # let bank_answers = shop.bank_answers.clone();
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(shop).build().await?;
    /// let order = coordinator.start::<Shop>(70).await?;
    /// assert_eq!(order.outcome().await?.state(), SagaState::Stuck); // the bank gave no answer
    ///
    /// let receipt = "receipt over 70, by telephone";
    /// coordinator.supply(order.id(), "pay", receipt, "the bank says that it was paid").await?;
    /// assert_eq!(order.outcome().await?, Outcome::Completed(receipt.to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn supply(
        &self,
        id: SagaId,
        step: impl AsRef<str>,
        output: impl Serialize,
        note: impl Into<String>,
    ) -> Result<(), OperateError> {
        let SagaInstance { definition, state, .. } = self.stuck(id, "supplied").await?;
        let step = self.known_step(&definition, step.as_ref())?;
        let payload = self.inner.codec.encode(&output)?;
        self.check_output(id, &definition, &step, &payload).await?;
        let request = Request::Supply { step, output: payload.as_bytes().to_vec(), note: note.into() };
        self.request(id, state, request).await
    }

    /// Gives a parked saga up: it ends `Failed`, with all that is not undone in its report. Where no live worker knows its
    /// definition, it has ended once this returned.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # use saga::{Coordinator, MemoryStore, Outcome, SagaState, StepError, saga, step};
    /// # #[saga(steps(pay))]
    /// # #[derive(Default)]
    /// # struct Shop { bank_answers: std::sync::Arc<AtomicBool> }
    /// # #[step(pivot, retry = no_retry())]
    /// # async fn pay(shop: &Shop, euros: &u32) -> Result<String, StepError> {
    /// #     if shop.bank_answers.load(Ordering::Relaxed) { Ok(format!("receipt over {euros}")) }
    /// #     else { Err(StepError::in_doubt("no answer")) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let shop = Shop::default();
    /// # let bank_answers = shop.bank_answers.clone();
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(shop).build().await?;
    /// let order = coordinator.start::<Shop>(70).await?;
    /// assert_eq!(order.outcome().await?.state(), SagaState::Stuck); // the bank gave no answer
    ///
    /// coordinator.abandon(order.id(), "settled with the customer").await?;
    /// let Outcome::Failed(failed) = order.outcome().await? else { panic!("not given up") };
    /// assert_eq!(failed.not_undone[0].step, "pay");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn abandon(&self, id: SagaId, note: impl Into<String>) -> Result<(), OperateError> {
        let (saga, note) = (self.stuck(id, "abandoned").await?, note.into());
        if give_up::give_up(&self.inner, &saga, &note).await? {
            return Ok(());
        }
        self.request(id, saga.state, Request::Abandon { note }).await
    }

    async fn instance_of(&self, id: SagaId) -> Result<SagaInstance, OperateError> {
        self.inner.store.instance(id).await?.ok_or(OperateError::NotFound { saga: id })
    }

    async fn stuck(&self, id: SagaId, request: &'static str) -> Result<SagaInstance, OperateError> {
        match self.instance_of(id).await? {
            saga if saga.state == SagaState::Stuck => Ok(saga),
            SagaInstance { state, .. } => Err(OperateError::NotStuck { saga: id, state, request }),
        }
    }

    /// Whether the step is one of the definition, if that is registered here; else its owner will say.
    fn known_step(&self, definition: &str, step: &str) -> Result<String, OperateError> {
        if let Some(registered) = self.inner.registry.get(definition)
            && registered.definition().step_index(step).is_none()
        {
            let names: Vec<String> =
                registered.definition().steps.iter().map(|step| format!("`{}`", step.name)).collect();
            return Err(OperateError::UnknownStep {
                definition: definition.to_owned(),
                step: step.to_owned(),
                known: names.join(", "),
            });
        }
        Ok(step.to_owned())
    }

    /// Whether the payload is an output of the step, if its saga is registered here.
    async fn check_output(
        &self,
        id: SagaId,
        definition: &str,
        step: &str,
        payload: &crate::Payload,
    ) -> Result<(), OperateError> {
        let Some(registered) = self.inner.registry.get(definition) else { return Ok(()) };
        let journal = self.inner.store.load(id).await?;
        let started = journal.first().and_then(|record| match &record.event {
            crate::machine::Event::SagaStarted(started) => Some(started),
            _ => None,
        });
        if let (Some(started), Some(index)) = (started, registered.definition().step_index(step))
            && let Ok(flow) = registered.flow(&started.input, &self.inner.codec)
        {
            flow.restore(index, payload)?;
        }
        Ok(())
    }

    async fn request(&self, id: SagaId, state: SagaState, request: Request) -> Result<(), OperateError> {
        if self.inner.store.request(id, &request).await?.is_none() {
            return Err(OperateError::Ended { saga: id, state });
        }
        match self.inner.live.get(id) {
            Some(live) => live.mailbox.send(Signal::Requests),
            None => self.inner.claim_soon.notify_one(),
        }
        Ok(())
    }
}
