//! Typed, durable sagas: long-running transactions whose steps are undone when a later one fails.

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
