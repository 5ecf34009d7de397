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

mod context;
mod error;
mod failure;
mod id;
mod id_map;
mod lent;
mod payload;
mod timer;

pub mod policy;

mod definition;
mod link;
mod outline;
mod record;
mod step;

pub mod machine;

mod outcome;

pub mod store;

mod engine;

mod observe;

mod coordinator;

#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod __private;

pub use context::{Labels, StepContext};
pub use coordinator::{
    BuildError, Coordinator, CoordinatorBuilder, Draft, InspectError, Inspection, OperateError, OutcomeError,
    SagaHandle, ShutdownReport, StartError, StartOptions,
};
pub use definition::{
    Definition, DefinitionError, Fingerprint, RetryIf, STEPS_MAX, Source, StepDefinition, StepKind,
};
pub use engine::run;
pub use error::{Classify, Failure, FailureKind, StepError};
pub use failure::{Cause, StepFailure};
pub use id::{ParseIdError, SagaId, Timestamp, WorkerId};
pub use machine::SagaState;
pub use observe::{EventFilter, Health, Metrics, Missed, SagaEvent, Subscription};
pub use outcome::{Cancelled, Failed, Outcome, TimedOut};
pub use payload::{Codec, DecodeFn, Payload, PayloadCodec, PayloadError};
pub use saga_macros::{Failure, saga, step};
pub use step::{Arg, Saga, Step, StepInfo, StepName};
pub use store::{MemoryStore, SagaFilter, SagaInstance, SagaPage, Store, StoreError};
