//! What makes a saga turn back, and the first record of its way back.

use super::Fit;
use crate::machine::forward::{CANCEL, TIMEOUT};
use crate::machine::state::{Direction, Turn};
use crate::machine::{State, StepStatus};
use crate::policy::{OnUndoFailure, UndoPlan};
use crate::{Cause, Definition};

impl State {
    pub(super) fn turn(&mut self, turn: Turn) -> Fit {
        if self.turn.is_some() {
            return Err("the saga is turning back already");
        }
        self.turn = Some(turn);
        Ok(())
    }

    /// A cancel or a deadline met the point of no return, or a request came for nothing.
    pub(super) fn refused(&mut self, request: &str) -> Fit {
        if self.direction == Direction::Forward && self.is_past_pivot() {
            match (request, &self.turn) {
                (CANCEL, Some(Turn::Cancelled(_))) => self.turn = None,
                (TIMEOUT, turn) => {
                    self.deadline = None;
                    if *turn == Some(Turn::TimedOut) {
                        self.turn = None;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the saga can turn back for this cause, on this way.
    pub(super) fn may_turn_back(&self, definition: &Definition, cause: &Cause, plan: &UndoPlan) -> Fit {
        match (&self.turn, cause) {
            (None, _) => return Err("nothing makes the saga turn back"),
            (Some(Turn::StepFailed(step)), Cause::StepFailed { failure })
                if failure.step == definition.steps[*step].name => {}
            (Some(Turn::Cancelled(asked)), Cause::Cancelled { reason }) if **asked == **reason => {}
            (Some(Turn::TimedOut), Cause::TimedOut) => {}
            _ => return Err("the saga turns back for another cause"),
        }
        if self.is_past_pivot() {
            return Err("the point of no return is behind it");
        }
        if self.pivot.is_some_and(|pivot| self.steps[pivot].doubt) {
            return Err("nobody knows whether the pivot took effect");
        }
        if self.steps.iter().any(|step| step.status == StepStatus::Started) {
            return Err("an attempt is under way");
        }
        if (0..self.steps.len()).any(|step| self.is_askable(definition, step)) {
            return Err("a step in doubt has not been asked");
        }
        let planned: Vec<usize> = plan.stages.iter().flatten().copied().collect();
        let is_needed = |&step: &usize| step < self.steps.len() && self.needs_undo(definition, step);
        if !planned.iter().all(is_needed) {
            return Err("the plan undoes a step that needs no undo");
        }
        if (1..planned.len()).any(|at| planned[..at].contains(&planned[at])) {
            return Err("the plan undoes a step twice");
        }
        Ok(())
    }

    pub(super) fn deadline_passed(&mut self, definition: &Definition, dropped: &[usize]) -> Fit {
        self.turn(Turn::TimedOut)?;
        for &step in dropped {
            let is_open = definition.stages.get(self.stage).is_some_and(|stage| stage.contains(&step))
                && matches!(
                    self.steps[step].status,
                    StepStatus::Waiting | StepStatus::Started | StepStatus::Unverified
                );
            if !is_open {
                return Err("no attempt of the step can have been under way");
            }
            self.attempt_dropped(definition, step);
        }
        Ok(())
    }

    /// An attempt of `step` was under way for sure. Without a journal no record of its start tells so.
    pub(super) fn attempt_dropped(&mut self, definition: &Definition, step: usize) {
        if self.steps[step].status == StepStatus::Waiting && definition.steps[step].at_most_once {
            self.steps[step].status = StepStatus::Started;
        }
        self.attempt_lost(definition, step);
    }

    /// Whether an attempt of this number to undo this step can be what is spoken of.
    pub(super) fn undo_ended(&self, definition: &Definition, step: usize, attempt: u32) -> Fit {
        let Some(plan) = self.undo_plan() else { return Err("the saga never turned back") };
        let Some(stage) = plan.stages.iter().position(|stage| stage.contains(&step)) else {
            return Err("the step is not to be undone");
        };
        if !self.needs_undo(definition, step) || self.is_settled(step) {
            return Err("the step is not to be undone");
        }
        let is_behind = |&of: &usize| match self.steps[of].status {
            StepStatus::Undone => true,
            StepStatus::UndoFailed => plan.on_failure == OnUndoFailure::GoOn,
            _ => false,
        };
        if !plan.stages[..stage].iter().flatten().all(is_behind) {
            return Err("the undos before it are not behind");
        }
        let known = &self.steps[step];
        if attempt != known.undo_attempts + 1 {
            return Err("the attempt is not the next one");
        }
        Ok(())
    }

    /// Whether the undo of `step` is behind it, well or badly.
    pub(in crate::machine) fn is_settled(&self, step: usize) -> bool {
        matches!(self.steps[step].status, StepStatus::Undone | StepStatus::UndoFailed)
    }
}

impl Turn {
    /// What turned a saga whose step failed without any error of its own: a worker that died.
    pub(in crate::machine) const LOST: &'static str =
        "the worker died during an attempt, and its outcome is unknown";
}
