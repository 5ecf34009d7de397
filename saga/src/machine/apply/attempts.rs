//! Attempts to do a step, and to find out whether it is done.

use super::{Fit, may_follow};
use crate::machine::state::Turn;
use crate::machine::{State, StepStatus, Then};
use crate::step::UNRECORDABLE;
use crate::{Definition, FailureKind, StepFailure};

impl State {
    pub(super) fn step_started(&mut self, definition: &Definition, step: usize, attempt: u32) -> Fit {
        self.attempt_ended(definition, step, attempt)?;
        if self.turn.is_some() {
            return Err("the saga is turning back, and no step begins any more");
        }
        if self.steps[step].status != StepStatus::Waiting {
            return Err("an attempt of the step is under way");
        }
        self.steps[step].status = StepStatus::Started;
        Ok(())
    }

    /// Whether an attempt of this number of this step can be what is spoken of.
    pub(super) fn attempt_ended(&self, definition: &Definition, step: usize, attempt: u32) -> Fit {
        if !definition.stages.get(self.stage).is_some_and(|stage| stage.contains(&step)) {
            return Err("the step's stage is not under way");
        }
        let state = &self.steps[step];
        if !matches!(state.status, StepStatus::Waiting | StepStatus::Started) {
            return Err("the step is not open for an attempt");
        }
        if attempt != state.attempts + 1 {
            return Err("the attempt is not the next one");
        }
        Ok(())
    }

    pub(super) fn step_done(&mut self, definition: &Definition, step: usize) -> Fit {
        let state = &mut self.steps[step];
        (state.status, state.doubt, state.retry_at, state.failure) = (StepStatus::Done, false, None, None);
        self.settle_turn();
        self.pass_done_stages(definition);
        Ok(())
    }

    pub(super) fn pass_done_stages(&mut self, definition: &Definition) {
        let is_done = |&step: &usize| self.steps[step].status == StepStatus::Done;
        while definition.stages.get(self.stage).is_some_and(|stage| stage.iter().all(is_done)) {
            self.stage += 1;
        }
    }

    pub(super) fn step_failed(
        &mut self,
        definition: &Definition,
        step: usize,
        failure: &StepFailure,
        then: Then,
    ) -> Fit {
        may_follow(failure, then)?;
        let state = &mut self.steps[step];
        state.attempts += 1;
        state.failure = Some(Box::new(failure.clone()));
        state.status = StepStatus::Waiting;
        match failure.kind {
            FailureKind::InDoubt => state.doubt = true,
            _ if failure.code.as_deref() == Some(UNRECORDABLE) => state.doubt = true,
            // The service was reached and refused for good: no earlier attempt under this key took effect.
            FailureKind::Business | FailureKind::Permanent => state.doubt = false,
            // It may have been reached by an earlier attempt, and not by this one.
            FailureKind::Transient => {}
        }
        match then {
            // Recorded before the step was declared `at_most_once`.
            Then::Retry { .. } if state.doubt && definition.steps[step].at_most_once => {
                self.give_up(definition, step);
            }
            Then::Retry { at } => state.retry_at = Some(at),
            Then::GiveUp => self.give_up(definition, step),
        }
        Ok(())
    }

    /// No more attempts: the step is verified if it is in doubt and can be, else it has failed.
    pub(super) fn give_up(&mut self, definition: &Definition, step: usize) {
        let state = &mut self.steps[step];
        state.retry_at = None;
        state.status = match state.doubt {
            true if definition.steps[step].has_verify => StepStatus::Unverified,
            true => StepStatus::InDoubt,
            false => StepStatus::Failed,
        };
        if state.status != StepStatus::Unverified {
            self.turn.get_or_insert(Turn::StepFailed(step));
        }
    }

    /// Whether the step can be asked if it took effect: its attempts are used up, or the saga is turning back.
    pub(super) fn asked(&self, definition: &Definition, step: usize) -> Fit {
        let is_open = self.turn.is_some() || self.steps[step].status == StepStatus::Unverified;
        if is_open && self.is_askable(definition, step) {
            Ok(())
        } else {
            Err("the step is not in doubt, or cannot be verified")
        }
    }

    pub(super) fn step_absent(&mut self, definition: &Definition, step: usize) -> Fit {
        self.asked(definition, step)?;
        self.steps[step].doubt = false;
        self.steps[step].retry_at = None;
        self.give_up(definition, step);
        Ok(())
    }

    pub(super) fn verify_failed(
        &mut self,
        definition: &Definition,
        (step, attempt): (usize, u32),
        failure: &StepFailure,
        then: Then,
    ) -> Fit {
        self.asked(definition, step)?;
        may_follow(failure, then)?;
        let state = &mut self.steps[step];
        if attempt != state.verify_attempts + 1 {
            return Err("the attempt is not the next one");
        }
        state.verify_attempts = attempt;
        match then {
            Then::Retry { at } => state.retry_at = Some(at),
            Then::GiveUp => {
                state.status = StepStatus::InDoubt;
                state.retry_at = None;
                // The step's own last error says more than the question's, if there is one.
                state.failure.get_or_insert_with(|| Box::new(failure.clone()));
                self.turn.get_or_insert(Turn::StepFailed(step));
            }
        }
        Ok(())
    }

    /// An attempt of `step` may have been under way, and nobody will ever hear of its outcome.
    pub(super) fn attempt_lost(&mut self, definition: &Definition, step: usize) {
        let at_most_once = definition.steps[step].at_most_once;
        match self.steps[step].status {
            // Written with a record of each start: no such record, no attempt.
            StepStatus::Waiting if at_most_once => {}
            StepStatus::Waiting => self.steps[step].doubt = true,
            StepStatus::Started => {
                self.steps[step].doubt = true;
                self.steps[step].status = StepStatus::Waiting;
                if at_most_once {
                    self.give_up(definition, step);
                }
            }
            _ => {}
        }
    }
}
