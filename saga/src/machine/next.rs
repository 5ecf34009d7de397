//! The decision: what is to be done now.

use super::state::{Direction, Phase};
use super::{Action, Event, NotUndone, SagaState, Situation, State, StepStatus, StuckReason, Task};
use crate::policy::{OnUndoFailure, UndoPlan};
use crate::{Cause, Definition, StepKind, Timestamp};

impl State {
    /// What is to be done now. Total: a saga that is neither ended nor parked has something to do, something under
    /// way, or a time at which it goes on.
    #[must_use]
    pub fn next(&self, definition: &Definition, situation: &Situation<'_>) -> Action {
        match (&self.phase, self.direction) {
            (Phase::New, _) => Action::Wait { until: None },
            (Phase::Ended(_), _) => Action::End,
            (Phase::Stuck(_), _) => Action::Park,
            (Phase::Abandoned, _) => self.end(definition, SagaState::Failed),
            (Phase::Pending, _) => Action::Wait { until: Some(self.start_at) },
            (Phase::Moving, _) if self.fruitless_claims > situation.defaults.fruitless_claims_max => {
                park(StuckReason::CrashLoop { claims: self.fruitless_claims })
            }
            (Phase::Moving, Direction::Forward) => self.forward(definition, situation),
            (Phase::Moving, Direction::Backward) => self.backward(definition, situation),
        }
    }

    fn backward(&self, definition: &Definition, situation: &Situation<'_>) -> Action {
        let Some((cause, plan)) = self.back.as_deref() else { return Action::Wait { until: None } };
        for stage in &plan.stages {
            if let Some(action) = self.undo_stage(stage, plan, situation) {
                return action;
            }
        }
        if !situation.running.is_empty() {
            return Action::Wait { until: None };
        }
        self.end(definition, end_of(cause))
    }

    /// What is left to do in one stage of the way back; `None` where it is behind.
    fn undo_stage(&self, stage: &[usize], plan: &UndoPlan, situation: &Situation<'_>) -> Option<Action> {
        if plan.on_failure == OnUndoFailure::Park
            && let Some(&failed) =
                stage.iter().find(|&&step| self.steps[step].status == StepStatus::UndoFailed)
        {
            let failure = self.steps[failed].failure.as_deref().cloned();
            return Some(match failure {
                Some(failure) if situation.running.is_empty() => park(StuckReason::UndoFailed { failure }),
                _ => Action::Wait { until: None },
            });
        }
        let open = stage.iter().copied().filter(|&step| !self.is_settled(step));
        self.begin_first(open, situation, |step| (Task::Undo, self.steps[step].undo_attempts + 1))
    }

    /// The first of `open` whose attempt may begin, else a wait for those under way or due later; `None` where
    /// nothing is open.
    pub(super) fn begin_first(
        &self,
        open: impl Iterator<Item = usize>,
        situation: &Situation<'_>,
        attempt: impl Fn(usize) -> (Task, u32),
    ) -> Option<Action> {
        let mut wait = None;
        for step in open {
            if situation.running.contains(step) {
                wait.get_or_insert(None);
                continue;
            }
            match self.steps[step].retry_at {
                Some(at) if at > situation.now => wait = Some(Some(earlier(wait.flatten(), at))),
                _ => {
                    let (task, number) = attempt(step);
                    return Some(Action::Attempt { step, number, task });
                }
            }
        }
        wait.map(|until| Action::Wait { until })
    }

    /// The end, as `state` where everything is undone, else as `Failed` with what is not.
    pub(super) fn end(&self, definition: &Definition, state: SagaState) -> Action {
        let not_undone = self.left_behind(definition);
        let state = if not_undone.is_empty() { state } else { SagaState::Failed };
        Action::Record(Event::Ended { state, not_undone })
    }

    /// Every step with an effect, known or possible, that should be undone and is not.
    pub(super) fn left_behind(&self, definition: &Definition) -> Vec<NotUndone> {
        let planned =
            |step| self.undo_plan().is_some_and(|plan| plan.stages.iter().flatten().any(|&of| of == step));
        let mut not_undone = Vec::new();
        for (step, known) in definition.steps.iter().enumerate() {
            let state = &self.steps[step];
            let reason = match (known.kind, state.status) {
                (StepKind::NothingToUndo, _) | (_, StepStatus::Undone) => continue,
                (_, StepStatus::UndoFailed) => match &state.failure {
                    Some(failure) => format!("its undo failed: {}", failure.message),
                    None => "its undo failed".to_owned(),
                },
                (_, StepStatus::Done) if self.phase == Phase::Abandoned => "the saga was given up".to_owned(),
                (StepKind::Compensatable, StepStatus::Done) if !planned(step) => {
                    "the compensation strategy left it out".to_owned()
                }
                (_, StepStatus::Done) => continue,
                _ if state.doubt => "nobody knows whether it took effect".to_owned(),
                _ => continue,
            };
            not_undone.push(NotUndone { step: known.name.to_string(), reason });
        }
        not_undone
    }
}

/// How a saga that turned back for this cause ends, where everything is undone.
pub(super) const fn end_of(cause: &Cause) -> SagaState {
    match cause {
        Cause::StepFailed { .. } => SagaState::Compensated,
        Cause::Cancelled { .. } => SagaState::Cancelled,
        Cause::TimedOut => SagaState::TimedOut,
    }
}

pub(super) fn park(reason: StuckReason) -> Action {
    Action::Record(Event::Stuck { reason: Box::new(reason) })
}

fn earlier(known: Option<Timestamp>, at: Timestamp) -> Timestamp {
    known.map_or(at, |known| known.min(at))
}
