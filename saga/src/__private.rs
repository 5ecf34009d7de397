//! What the generated code names. No promise holds here.

pub use std::borrow::Cow;
pub use std::future::Future;
pub use std::sync::OnceLock;
pub use std::time::Duration;

pub use serde::Serialize;
pub use serde::de::DeserializeOwned;

pub use crate::link::{
    And, AskResult, AskShared, Certainty, Fit, IsNoResult, IsNotShared, Pass, Returned, Shared, Sure, Unsure,
    given, into_step_error, no_such_step, undoable,
};
pub use crate::outline::{FlowOutline, StepOutline};
pub use crate::record::{Record, Shown, Unshown};
pub use crate::slot::Slot;
pub use crate::step::{Call, InputRecord, Keep, StepCalls};
pub use crate::{
    Arg, Codec, Definition, Failure, FailureKind, Payload, PayloadError, Saga, Source, Step, StepContext,
    StepDefinition, StepError, StepInfo, StepKind, StepName,
};
