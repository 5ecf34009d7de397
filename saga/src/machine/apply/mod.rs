//! The fold: one event changes the state, or is refused.

mod attempts;
mod operator;
mod turn;

use super::next::end_of;
use super::state::{Direction, Phase, Turn};
use super::{By, Event, SagaStarted, SagaState, State, StepStatus, StuckReason, Then};
use crate::{Definition, ErrorCode, FailureKind, StepFailure};

/// An event that doesn't fit the state that it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` doesn't fit: {reason}")]
pub struct IllegalEvent {
    /// The event's kind.
    pub event: &'static str,
    /// Why it doesn't fit.
    pub reason: &'static str,
}

impl IllegalEvent {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::IllegalEvent
    }
}

type Fit = Result<(), &'static str>;

impl State {
    /// Takes one event in. An event that doesn't fit is refused, and the state is then of no more use.
    pub fn apply(&mut self, definition: &Definition, event: &Event) -> Result<(), IllegalEvent> {
        let known = event.step().is_none_or(|step| step < self.steps.len());
        let fit = if known { self.take(definition, event) } else { Err("the definition has no such step") };
        fit.map_err(|reason| IllegalEvent { event: event.kind(), reason })?;
        if let Event::Ended { not_undone, .. } = event {
            self.not_undone.clone_from(not_undone);
        }
        if !matches!(event, Event::Claimed { .. } | Event::Released { .. }) {
            self.fruitless_claims = 0;
        }
        Ok(())
    }

    fn take(&mut self, definition: &Definition, event: &Event) -> Fit {
        match (&self.phase, event) {
            (Phase::New, Event::SagaStarted(started)) => self.started(started),
            (Phase::New, _) => Err("the saga has not started"),
            (Phase::Ended(_), _) => Err("the saga has ended"),
            (_, Event::SagaStarted(_)) => Err("the saga has started already"),

            (_, Event::Claimed { .. }) => self.claimed(definition),
            _ if self.is_released && !self.rests_with(event) => {
                Err("nobody owns the saga: it has to be claimed first")
            }
            (_, Event::Released { .. }) => self.released(),
            (_, Event::Stuck { reason }) => self.parked(reason),
            (_, Event::RequestRefused { request, .. }) => self.refused(request),
            (Phase::Abandoned, Event::Ended { state: SagaState::Failed, .. }) => {
                self.ended(SagaState::Failed)
            }
            (Phase::Abandoned, _) => Err("the saga was given up"),

            (Phase::Stuck(_), Event::Resumed) => self.resumed(definition),
            (Phase::Stuck(_), Event::Abandoned { .. }) => {
                self.phase = Phase::Abandoned;
                Ok(())
            }
            (Phase::Stuck(_), Event::StepCompensated { step, by: By::Operator { .. }, .. }) => {
                self.undone_by_hand(definition, *step)
            }
            (Phase::Stuck(_), Event::StepCompleted { step, by: By::Operator { .. }, .. }) => {
                self.done_by_hand(definition, *step)
            }
            (Phase::Stuck(_), _) => {
                Err("the saga is stuck: only `retry`, `skip`, `supply` and `abandon` move it")
            }
            (_, Event::Resumed | Event::Abandoned { .. }) => Err("the saga is not stuck"),
            (Phase::Pending, _) => Err("nobody has claimed the saga yet"),

            (Phase::Moving, event) => match self.direction {
                Direction::Forward => self.take_forward(definition, event),
                Direction::Backward => self.take_backward(definition, event),
            },
        }
    }

    /// Whether whoever parked the saga may still say this: a saga that cannot be driven can be given up at once.
    fn rests_with(&self, event: &Event) -> bool {
        let is_parked = matches!(self.phase, Phase::Stuck(_) | Phase::Abandoned);
        let is_last_word = matches!(
            event,
            Event::Stuck { .. }
                | Event::RequestRefused { .. }
                | Event::Abandoned { .. }
                | Event::Ended { .. }
        );
        is_parked && is_last_word
    }

    fn take_forward(&mut self, definition: &Definition, event: &Event) -> Fit {
        match event {
            Event::StepStarted { step, attempt } => self.step_started(definition, *step, *attempt),
            Event::StepCompleted { step, attempt, by: By::Execution, .. } => {
                self.attempt_ended(definition, *step, *attempt)?;
                self.step_done(definition, *step)
            }
            Event::StepCompleted { step, attempt, by: By::Verification, .. } => {
                self.asked(definition, *step)?;
                if *attempt != self.steps[*step].verify_attempts + 1 {
                    return Err("the attempt is not the next one");
                }
                self.step_done(definition, *step)
            }
            Event::StepFailed { step, attempt, failure, then } => {
                self.attempt_ended(definition, *step, *attempt)?;
                self.step_failed(definition, *step, failure, *then)
            }
            Event::StepAbsent { step } => self.step_absent(definition, *step),
            Event::VerifyFailed { step, attempt, failure, then } => {
                self.verify_failed(definition, (*step, *attempt), failure, *then)
            }
            Event::CancelRequested { reason } if self.is_past_pivot() => {
                _ = reason;
                Err("the point of no return is behind it")
            }
            Event::CancelRequested { reason } => self.turn(Turn::Cancelled(reason.as_str().into())),
            Event::DeadlinePassed { .. } if self.is_past_pivot() => {
                Err("the point of no return is behind it")
            }
            Event::DeadlinePassed { dropped } => self.deadline_passed(definition, dropped),
            Event::CompensationStarted { cause, plan } => {
                self.may_turn_back(definition, cause, plan)?;
                self.direction = Direction::Backward;
                self.back = Some(Box::new(((**cause).clone(), plan.clone())));
                for step in &mut self.steps {
                    step.retry_at = None;
                }
                Ok(())
            }
            Event::Ended { state: SagaState::Completed, .. } => {
                if self.stage < definition.stages.len() {
                    Err("steps are left to do")
                } else if self.turn.is_some() {
                    Err("the saga is turning back")
                } else {
                    self.ended(SagaState::Completed)
                }
            }
            Event::Ended { .. } => Err("a saga going forward ends only completed"),
            _ => Err("the saga is going forward"),
        }
    }

    fn take_backward(&mut self, definition: &Definition, event: &Event) -> Fit {
        match event {
            Event::StepCompensated { step, attempt, by: By::Execution } => {
                self.undo_ended(definition, *step, *attempt)?;
                let state = &mut self.steps[*step];
                (state.status, state.doubt, state.retry_at) = (StepStatus::Undone, false, None);
                Ok(())
            }
            Event::CompensationFailed { step, attempt, failure, then } => {
                self.undo_ended(definition, *step, *attempt)?;
                may_follow(failure, *then)?;
                let state = &mut self.steps[*step];
                state.undo_attempts = *attempt;
                state.failure = Some(failure.clone());
                match then {
                    Then::Retry { at } => state.retry_at = Some(*at),
                    Then::GiveUp => state.status = StepStatus::UndoFailed,
                }
                Ok(())
            }
            Event::Ended { state, not_undone } => {
                let is_open = |&step: &usize| self.needs_undo(definition, step) && !self.is_settled(step);
                let (cause, plan) = self.back.as_deref().ok_or("the saga never turned back")?;
                if plan.stages.iter().flatten().any(is_open) {
                    return Err("steps are left to undo");
                }
                let left_behind = self.left_behind(definition);
                if !left_behind.iter().map(|left| &left.step).eq(not_undone.iter().map(|left| &left.step)) {
                    return Err("something else is not undone");
                }
                let expected = if left_behind.is_empty() { end_of(cause) } else { SagaState::Failed };
                if *state == expected { self.ended(expected) } else { Err("that is not how the saga ended") }
            }
            Event::CancelRequested { .. } => Err("the saga is going back already"),
            _ => Err("the saga is going back"),
        }
    }

    fn started(&mut self, started: &SagaStarted) -> Fit {
        self.phase = if started.owner.is_some() { Phase::Moving } else { Phase::Pending };
        self.is_released = started.owner.is_none();
        self.start_at = started.start_at;
        self.deadline = started.deadline;
        Ok(())
    }

    /// A new owner. Unless the last one gave the saga back in order, or had nothing to do but to answer requests,
    /// an attempt of every step that could be attempted may have been under way, and is in doubt.
    fn claimed(&mut self, definition: &Definition) -> Fit {
        if self.phase == Phase::Pending {
            self.phase = Phase::Moving;
        }
        if self.is_released || self.phase != Phase::Moving {
            self.is_released = false;
            return Ok(());
        }
        self.fruitless_claims += 1;
        if self.direction == Direction::Forward
            && let Some(stage) = definition.stages.get(self.stage)
        {
            for &step in stage {
                self.attempt_lost(definition, step);
            }
        }
        Ok(())
    }

    fn released(&mut self) -> Fit {
        if self.steps.iter().any(|step| step.status == StepStatus::Started) {
            return Err("an attempt is under way");
        }
        self.is_released = true;
        Ok(())
    }

    fn parked(&mut self, reason: &StuckReason) -> Fit {
        self.phase = Phase::Stuck(Box::new(reason.clone()));
        // Nobody drives a parked saga: whoever claims it finds no attempt under way.
        self.is_released = true;
        Ok(())
    }

    fn ended(&mut self, state: SagaState) -> Fit {
        self.phase = Phase::Ended(state);
        Ok(())
    }
}

/// A refusal is never retried.
fn may_follow(failure: &StepFailure, then: Then) -> Fit {
    match (failure.kind, then) {
        (FailureKind::Business | FailureKind::Permanent, Then::Retry { .. }) => {
            Err("a business or permanent failure is not retried")
        }
        _ => Ok(()),
    }
}
