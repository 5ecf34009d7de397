//! What an operator does to a parked saga.

use super::Fit;
use crate::machine::state::{Direction, Phase, Turn};
use crate::machine::{State, StepStatus};
use crate::{Definition, StepKind};

impl State {
    /// An operator lets a parked saga go on: what had used up its attempts gets new ones. A cancel or a deadline
    /// that made it turn back still does, and so does a step that failed before the point of no return.
    pub(super) fn resumed(&mut self, definition: &Definition) -> Fit {
        self.phase = Phase::Moving;
        let is_past_pivot = self.is_past_pivot();
        let goes_on = !matches!(self.turn, Some(Turn::Cancelled(_) | Turn::TimedOut));
        for (state, known) in self.steps.iter_mut().zip(&definition.steps) {
            let is_open = is_past_pivot || (known.kind == StepKind::Pivot && state.doubt);
            match (self.direction, state.status) {
                (Direction::Forward, StepStatus::Failed | StepStatus::InDoubt) if is_open => {
                    state.status = match state.doubt {
                        true if goes_on && !known.at_most_once => StepStatus::Waiting,
                        true if known.has_verify => StepStatus::Unverified,
                        true => StepStatus::InDoubt,
                        false => StepStatus::Waiting,
                    };
                    (state.attempts, state.verify_attempts) = (0, 0);
                }
                (Direction::Backward, StepStatus::UndoFailed) => {
                    // Only what is done, or in doubt, gets undone.
                    state.status = if state.doubt { StepStatus::InDoubt } else { StepStatus::Done };
                    state.undo_attempts = 0;
                }
                _ => {}
            }
        }
        self.settle_turn();
        Ok(())
    }

    /// Where the step that made the saga turn has not failed any more, the next one that has makes it turn, or none.
    pub(super) fn settle_turn(&mut self) {
        // A pivot that an operator knows to be not done has failed too.
        let has_failed = |step: &usize| {
            let status = self.steps[*step].status;
            matches!(status, StepStatus::Failed | StepStatus::InDoubt | StepStatus::Undone)
        };
        if let Some(Turn::StepFailed(step)) = self.turn
            && !has_failed(&step)
        {
            self.turn = (0..self.steps.len()).find(has_failed).map(Turn::StepFailed);
        }
    }

    pub(super) fn undone_by_hand(&mut self, definition: &Definition, step: usize) -> Fit {
        let is_pivot = definition.steps[step].kind == StepKind::Pivot;
        match (self.direction, self.steps[step].status) {
            (Direction::Backward, StepStatus::UndoFailed | StepStatus::Done | StepStatus::InDoubt) => {}
            (Direction::Backward, _) if self.steps[step].doubt => {}
            (Direction::Forward, StepStatus::InDoubt) if is_pivot => {
                self.turn.get_or_insert(Turn::StepFailed(step));
            }
            (Direction::Forward, _) if is_pivot && self.steps[step].doubt && self.turn.is_some() => {}
            _ => return Err("the step left nothing that is to be undone now"),
        }
        self.steps[step].status = StepStatus::Undone;
        self.steps[step].doubt = false;
        self.phase = Phase::Moving;
        Ok(())
    }

    pub(super) fn done_by_hand(&mut self, definition: &Definition, step: usize) -> Fit {
        let stage = definition.stages.get(self.stage);
        let is_open =
            stage.is_some_and(|stage| stage.contains(&step)) && self.direction == Direction::Forward;
        if !is_open && self.steps[step].status != StepStatus::Done {
            return Err("the step's stage is not under way");
        }
        self.phase = Phase::Moving;
        if self.steps[step].status == StepStatus::Done {
            return Ok(());
        }
        self.step_done(definition, step)
    }
}
