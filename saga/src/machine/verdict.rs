//! What follows a failed attempt.

use super::{Task, Then};
use crate::policy::Defaults;
use crate::{Definition, FailureKind, StepError, Timestamp};

/// What follows when attempt `number`, from 1, ended with `error`: another by the step's policy, or none.
#[must_use]
pub fn verdict(
    definition: &Definition,
    defaults: &Defaults,
    (step, task, number): (usize, Task, u32),
    error: &StepError,
    now: Timestamp,
) -> Then {
    let step = &definition.steps[step];
    let may_retry = match error.kind() {
        FailureKind::Business | FailureKind::Permanent => false,
        FailureKind::Transient => true,
        FailureKind::InDoubt => task != Task::Execute || !step.at_most_once,
    };
    let allowed = task != Task::Execute || step.retry_if.is_none_or(|retry_if| retry_if(error));
    let policy = match task {
        Task::Execute | Task::Verify => defaults.retry(definition, step),
        Task::Undo => defaults.undo_retry(definition, step),
    };
    if may_retry && allowed && number <= policy.retries_max() {
        Then::Retry { at: now.saturating_add(policy.delay_jittered(number - 1)) }
    } else {
        Then::GiveUp
    }
}
