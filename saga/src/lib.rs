//! Typed, durable sagas: long-running transactions whose steps are undone when a later one fails.
//!
//! A struct with `#[saga]` holds the services and the flow; steps are `async fn`s that say how they are undone. What
//! doesn't fit together doesn't compile. A [`Coordinator`] drives the sagas over a [`Store`], with retries, timeouts and
//! compensations, and takes up what a crash left behind; [`run`] drives one in memory, without any of that.
//!
//! ```
//! use saga::{Coordinator, MemoryStore, Outcome, StepError, saga, step};
//!
//! #[saga(steps(reserve -> charge(reserve, input)))]
//! struct Checkout;
//!
//! #[step(compensate = release)]
//! async fn reserve(_shop: &Checkout, _cents: &u64) -> Result<String, StepError> {
//!     Ok("shelf 7".to_owned())
//! }
//!
//! async fn release(_shop: &Checkout, place: &String) -> Result<(), StepError> {
//!     println!("{place} is free again");
//!     Ok(())
//! }
//!
//! #[step(pivot)]
//! async fn charge(_shop: &Checkout, _place: &String, cents: &u64) -> Result<u64, StepError> {
//!     if *cents > 10_000 {
//!         return Err(StepError::business("TOO_DEAR", "more than the card allows"));
//!     }
//!     Ok(*cents)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let coordinator = Coordinator::builder(MemoryStore::new()).saga(Checkout).build().await?;
//! let cheap = coordinator.start::<Checkout>(1_999).await?;
//! assert_eq!(cheap.outcome().await?, Outcome::Completed(1_999));
//!
//! let dear = coordinator.start::<Checkout>(1_000_000).await?;
//! let Outcome::Compensated(failure) = dear.outcome().await? else { panic!("not undone") };
//! assert_eq!(failure.code.as_deref(), Some("TOO_DEAR"));
//! # Ok(())
//! # }
//! ```
//!
//! What is guaranteed, the options with their defaults, and when not to use it: see the README. How steps are written:
//! [`macro@saga`], [`macro@step`], [`macro@Failure`]. How they are retried and undone: [`policy`].

extern crate self as saga;

mod code;
mod context;
mod error;
mod failure;
mod id;
mod id_map;
mod lent;
mod payload;
mod slot;
mod timer;
mod trace;

pub mod policy;

mod definition;
mod link;
mod outline;
mod record;
mod shape;
mod step;

pub mod machine;

mod outcome;

pub mod store;

mod instruments;

mod engine;

mod observe;

mod coordinator;

#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod __private;

pub use code::ErrorCode;
pub use context::{Labels, StepContext};
pub use coordinator::{
    BuildError, Coordinator, CoordinatorBuilder, Draft, InspectError, Inspection, OperateError, OutcomeError,
    SagaHandle, ShutdownReport, StartError, StartOptions,
};
pub use definition::{
    Definition, DefinitionError, Fingerprint, RetryIf, STEPS_MAX, Source, StepDefinition, StepKind,
};
pub use engine::run;
/// What a [`PayloadCodec`] speaks of: serde's traits behind `dyn`.
#[doc(no_inline)]
pub use erased_serde;
pub use error::{Classify, Failure, FailureKind, StepError};
pub use failure::{Cause, StepFailure};
pub use id::{ParseIdError, SagaId, Timestamp, WorkerId};
pub use machine::SagaState;
pub use observe::{
    Delivery, EventFilter, EventType, HandlerStatus, Health, Metrics, Missed, OutgoingEvent,
    ParseEventTypeError, Publisher, PublisherHealth, PublisherStatus, SagaEvent, Subscription,
};
pub use outcome::{Cancelled, Failed, Outcome, TimedOut};
pub use payload::{Codec, DecodeFn, JsonCodec, Payload, PayloadCodec, PayloadError};
/// ```
/// use saga::{Failure, FailureKind};
///
/// #[derive(Debug, thiserror::Error, Failure)]
/// #[error("the line is busy")]
/// #[failure(transient)]
/// struct Busy;
///
/// #[derive(Debug, thiserror::Error, Failure)]
/// enum PaymentError {
///     #[error(transparent)]
///     #[failure(transparent)] // of the kind of its source
///     Line(#[from] Busy),
///     #[error("card declined: {0}")]
///     #[failure(business = "CARD_DECLINED")]
///     Declined(String),
///     #[error("no answer in time")]
///     #[failure(in_doubt)]
///     NoAnswer,
/// }
///
/// assert_eq!(PaymentError::from(Busy).kind(), FailureKind::Transient);
/// assert_eq!(PaymentError::Declined("no funds".into()).code().as_deref(), Some("CARD_DECLINED"));
/// assert_eq!(PaymentError::NoAnswer.kind(), FailureKind::InDoubt);
/// ```
///
pub use saga_macros::Failure;
/// ```
/// use saga::{Outcome, Saga, StepError, saga, step};
///
/// #[saga(
///     steps(
///         book_hotel
///         -> book_flight(input)                       // the saga's own input instead of the stage before
///         -> (send_plan(book_hotel, book_flight) & thank) // these two run at the same time
///     ),
///     timeout = minutes(30),
///     retry = exponential(3, secs(1), secs(10)),
///     compensation = parallel(secs(30)),
/// )]
/// struct Trip;
///
/// # #[step(compensate = cancel_hotel)]
/// # async fn book_hotel(_trip: &Trip, city: &String) -> Result<u32, StepError> { Ok(city.len() as u32) }
/// # async fn cancel_hotel(_trip: &Trip, _hotel: &u32) -> Result<(), StepError> { Ok(()) }
/// # #[step(compensate = none)]
/// # async fn book_flight(_trip: &Trip, city: &String) -> Result<u64, StepError> { Ok(city.len() as u64) }
/// # #[step(compensate = none)]
/// # async fn send_plan(_trip: &Trip, hotel: &u32, flight: &u64) -> Result<String, StepError> {
/// #     Ok(format!("hotel {hotel}, flight {flight}"))
/// # }
/// # #[step(compensate = none)]
/// # async fn thank(_trip: &Trip, _flight: &u64) -> Result<(), StepError> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(Trip::definition().name, "trip");
/// assert_eq!(saga::run(&Trip, "Rome".to_owned()).await, Outcome::Completed(("hotel 4, flight 4".to_owned(), ())));
/// # }
/// ```
///
pub use saga_macros::saga;
/// ```
/// use saga::{StepContext, StepError, saga, step};
///
/// #[saga(steps(reserve -> charge(reserve, input) -> send))]
/// struct Shop;
///
/// /// The doc comment is the step's description.
/// #[step(compensate = release(cents), timeout = secs(5), retry = fixed(3, secs(1)), metadata(service = "stock"))]
/// async fn reserve(_shop: &Shop, cents: &u64) -> Result<String, StepError> {
///     Ok(format!("goods for {cents}"))
/// }
///
/// /// It takes no output, so it can settle a step in doubt too.
/// async fn release(_shop: &Shop, _cents: &u64) -> Result<(), StepError> {
///     Ok(())
/// }
///
/// #[step(pivot, verify = find_charge)]
/// async fn charge(cx: &StepContext<Shop>, _goods: &String, _cents: u64) -> Result<String, StepError> {
///     Ok(cx.idempotency_key().to_owned())
/// }
///
/// /// Asked when an attempt ended without an answer: did the charge happen?
/// async fn find_charge(_cx: &StepContext<Shop>, _goods: &String, _cents: u64) -> Result<Option<String>, StepError> {
///     Ok(None)
/// }
///
/// #[step(retriable)]
/// async fn send(_shop: &Shop, receipt: &String) -> Result<String, StepError> {
///     Ok(receipt.clone())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A step stays the function that it was.
/// assert_eq!(reserve(&Shop, &5).await.unwrap(), "goods for 5");
/// # let outcome = saga::run(&Shop, 5).await;
/// # assert!(matches!(outcome, saga::Outcome::Completed(_)), "{outcome}");
/// # }
/// ```
///
pub use saga_macros::step;
pub use shape::{DefinitionShape, StepShape};
pub use step::{Arg, Saga, Step, StepInfo, StepName};
pub use store::{MemoryStore, SagaFilter, SagaInstance, SagaPage, Store, StoreError};
pub use trace::{TRACE_LABEL, TraceContext};
