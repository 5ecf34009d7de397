//! The decision while a saga goes forward, up to the turn.

use super::next::park;
use super::state::Turn;
use super::{Action, Event, SagaState, Situation, State, StepStatus, StuckReason, Task};
use crate::{Cause, Definition, FailureKind, StepFailure};

/// What a refusal of a cancel, or of the deadline, is called: it lets a saga past the point of no return go on.
pub(super) const CANCEL: &str = "cancel";
pub(super) const TIMEOUT: &str = "timeout";

impl State {
    pub(super) fn forward(&self, definition: &Definition, situation: &Situation<'_>) -> Action {
        let is_late = self.deadline.is_some_and(|deadline| deadline <= situation.now);
        if self.is_past_pivot() {
            match &self.turn {
                Some(Turn::Cancelled(_)) => return refuse(CANCEL),
                Some(Turn::TimedOut) => return refuse(TIMEOUT),
                _ if is_late => return refuse(TIMEOUT),
                Some(Turn::StepFailed(step)) => return self.stop_past_pivot(definition, *step, situation),
                None => {}
            }
        } else if let Some(turn) = &self.turn {
            return self.turn_back(definition, turn, situation);
        } else if is_late {
            return Action::Record(Event::DeadlinePassed { dropped: situation.running.iter().collect() });
        } else if self.start_at > situation.now {
            return Action::Wait { until: Some(self.start_at) };
        }

        let Some(stage) = definition.stages.get(self.stage) else {
            return Action::Record(Event::Ended { state: SagaState::Completed, not_undone: Vec::new() });
        };
        let open = stage.iter().copied().filter(|&step| self.steps[step].status != StepStatus::Done);
        let action = self.begin_first(open, situation, |step| self.forward_attempt(step));
        match action.unwrap_or(Action::Wait { until: None }) {
            Action::Wait { until } if !self.is_past_pivot() => {
                Action::Wait { until: until.into_iter().chain(self.deadline).min() }
            }
            action => action,
        }
    }

    fn forward_attempt(&self, step: usize) -> (Task, u32) {
        let state = &self.steps[step];
        match state.status {
            StepStatus::Unverified => (Task::Verify, state.verify_attempts + 1),
            _ => (Task::Execute, state.attempts + 1),
        }
    }

    /// Past the pivot, a step that failed for good stops the saga, once the attempts beside it ended.
    fn stop_past_pivot(&self, definition: &Definition, step: usize, situation: &Situation<'_>) -> Action {
        if !situation.running.is_empty() {
            return Action::Wait { until: None };
        }
        park(StuckReason::StepFailed { failure: self.failure_of(definition, step) })
    }

    /// The running attempts end, what is in doubt is settled where that can be, then the saga turns back.
    fn turn_back(&self, definition: &Definition, turn: &Turn, situation: &Situation<'_>) -> Action {
        if !situation.running.is_empty() {
            return Action::Wait { until: None };
        }
        let askable = (0..self.steps.len()).filter(|&step| self.is_askable(definition, step));
        // A backoff of the step itself is no reason to wait before it is asked.
        let due = |step: usize| self.steps[step].verify_attempts == 0;
        let (first, later): (Vec<_>, Vec<_>) = askable.partition(|&step| due(step));
        if let Some(&step) = first.first() {
            return Action::Attempt { step, number: 1, task: Task::Verify };
        }
        let ask = |step: usize| (Task::Verify, self.steps[step].verify_attempts + 1);
        if let Some(action) = self.begin_first(later.into_iter(), situation, ask) {
            return action;
        }
        if let Some(pivot) = self.pivot
            && self.steps[pivot].doubt
        {
            return park(StuckReason::PivotInDoubt { step: definition.steps[pivot].name.to_string() });
        }
        let cause = match turn {
            Turn::StepFailed(step) => Cause::StepFailed { failure: self.failure_of(definition, *step) },
            Turn::Cancelled(reason) => Cause::Cancelled { reason: reason.to_string() },
            Turn::TimedOut => Cause::TimedOut,
        };
        let done: Vec<(usize, &str)> = (0..self.steps.len())
            .filter(|&step| self.needs_undo(definition, step))
            .map(|step| (step, definition.steps[step].name.as_ref()))
            .collect();
        let plan = situation.defaults.compensation(definition).plan(&cause, &done);
        Action::Record(Event::CompensationStarted { cause: Box::new(cause), plan })
    }

    /// Whether `step` is in doubt, and there is somebody left to ask.
    pub(super) fn is_askable(&self, definition: &Definition, step: usize) -> bool {
        let state = &self.steps[step];
        state.doubt
            && definition.steps[step].has_verify
            && matches!(state.status, StepStatus::Waiting | StepStatus::Unverified)
    }

    fn failure_of(&self, definition: &Definition, step: usize) -> StepFailure {
        let state = &self.steps[step];
        state.failure.as_deref().cloned().unwrap_or_else(|| StepFailure {
            step: definition.steps[step].name.to_string(),
            kind: FailureKind::InDoubt,
            error_type: "saga".to_owned(),
            code: None,
            message: Turn::LOST.to_owned(),
            attempts: state.attempts + 1,
        })
    }
}

/// Only a pivot makes a refusal; a saga without one can always turn back.
fn refuse(request: &'static str) -> Action {
    Action::Record(Event::RequestRefused {
        request: request.into(),
        reason: "the point of no return is behind it".into(),
    })
}
