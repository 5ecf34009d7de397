//! What holds where neither a step nor its saga says anything.

use std::time::Duration;

use super::{Compensation, RetryPolicy, exponential, minutes, secs, sequential};
use crate::{Definition, StepDefinition};

/// The policies of a coordinator, for all that its sagas and steps leave unset.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Defaults {
    /// How long one attempt may take: 1 minute.
    pub step_timeout: Duration,
    /// How long a saga may go forward: for ever.
    pub saga_timeout: Option<Duration>,
    /// How failed attempts are retried: `exponential(3, secs(1), secs(10))`.
    pub retry: RetryPolicy,
    /// How a saga goes back: `sequential(secs(30))`.
    pub compensation: Compensation,
    /// How failed undos are retried: `exponential(10, secs(1), minutes(1))`.
    pub compensation_retry: RetryPolicy,
    /// How many times in a row a saga may lose its worker without any progress before it is parked: 10.
    pub fruitless_claims_max: u32,
}

impl Defaults {
    /// The values above.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            step_timeout: minutes(1),
            saga_timeout: None,
            retry: exponential(3, secs(1), secs(10)),
            compensation: sequential(secs(30)),
            compensation_retry: exponential(10, secs(1), minutes(1)),
            fruitless_claims_max: 10,
        }
    }

    /// How long a saga of this definition may go forward.
    pub(crate) fn saga_timeout(&self, definition: &Definition) -> Option<Duration> {
        definition.timeout.or(self.saga_timeout)
    }

    /// How long one attempt of the step may take.
    pub(crate) fn step_timeout(&self, step: &StepDefinition) -> Duration {
        step.timeout.unwrap_or(self.step_timeout)
    }

    /// How failed attempts of the step are retried.
    pub(crate) fn retry(&self, definition: &Definition, step: &StepDefinition) -> RetryPolicy {
        step.retry.or(definition.retry).unwrap_or(self.retry)
    }

    /// How a saga of this definition goes back.
    pub(crate) fn compensation<'a>(&'a self, definition: &'a Definition) -> &'a Compensation {
        definition.compensation.as_ref().unwrap_or(&self.compensation)
    }

    /// How long one attempt of the step's undo may take.
    pub(crate) fn undo_timeout(&self, definition: &Definition, step: &StepDefinition) -> Duration {
        step.compensation_timeout.unwrap_or(self.compensation(definition).timeout)
    }

    /// How failed attempts of the step's undo are retried.
    pub(crate) fn undo_retry(&self, definition: &Definition, step: &StepDefinition) -> RetryPolicy {
        step.compensation_retry.or(self.compensation(definition).retry).unwrap_or(self.compensation_retry)
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self::new()
    }
}
