//! The fold: one event changes the state, or is refused.

use super::state::{Direction, Phase, Turn};
use super::{By, Event, SagaStarted, State, StepState, StepStatus, Then};
use crate::step::UNRECORDABLE;
use crate::{Definition, FailureKind, StepFailure, StepKind};

/// An event that doesn't fit the state that it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` doesn't fit: {reason}")]
pub struct IllegalEvent {
    /// The event's kind.
    pub event: &'static str,
    /// Why it doesn't fit.
    pub reason: &'static str,
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
            (_, Event::Released { .. }) => self.released(),
            (_, Event::Stuck { reason }) => self.parked(Phase::Stuck(reason.clone())),
            (_, Event::RequestRefused { .. }) => self.refused(definition),
            (Phase::Abandoned, Event::Ended { state, .. }) => self.ended(*state),
            (Phase::Abandoned, _) => Err("the saga was given up"),

            (Phase::Stuck(_), Event::Resumed) => self.resumed(),
            (Phase::Stuck(_), Event::Abandoned { .. }) => self.parked(Phase::Abandoned),
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
            (Phase::Pending, Event::CancelRequested { reason }) => {
                self.turn(Turn::Cancelled(reason.as_str().into()))
            }
            (Phase::Pending, _) => Err("nobody has claimed the saga yet"),

            (Phase::Moving, event) => match self.direction {
                Direction::Forward => self.take_forward(definition, event),
                Direction::Backward => self.take_backward(definition, event),
            },
        }
    }

    fn take_forward(&mut self, definition: &Definition, event: &Event) -> Fit {
        match event {
            Event::StepStarted { step, attempt } => self.step_started(definition, *step, *attempt),
            Event::StepCompleted { step, attempt, by: By::Execution, .. } => {
                self.attempt_ended(definition, *step, *attempt)?;
                self.step_done(definition, *step)
            }
            Event::StepCompleted { step, by: By::Verification, .. } => {
                self.asked(definition, *step)?;
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
            Event::CancelRequested { reason } if self.is_past_pivot(definition) => {
                _ = reason;
                Err("the point of no return is behind it")
            }
            Event::CancelRequested { reason } => self.turn(Turn::Cancelled(reason.as_str().into())),
            Event::DeadlinePassed { .. } if self.is_past_pivot(definition) => {
                Err("the point of no return is behind it")
            }
            Event::DeadlinePassed { dropped } => self.deadline_passed(definition, dropped),
            Event::CompensationStarted { .. } if self.turn.is_none() => {
                Err("nothing makes the saga turn back")
            }
            Event::CompensationStarted { cause, plan } => {
                let needed = |&step: &usize| step < self.steps.len() && self.needs_undo(definition, step);
                if !plan.stages.iter().flatten().all(needed) {
                    return Err("the plan undoes a step that needs no undo");
                }
                self.direction = Direction::Backward;
                self.back = Some(Box::new((cause.clone(), plan.clone())));
                for step in &mut self.steps {
                    step.retry_at = None;
                }
                Ok(())
            }
            Event::Ended { state, .. } => {
                let is_done = self.stage == definition.stages.len();
                if is_done { self.ended(*state) } else { Err("steps are left to do") }
            }
            _ => Err("the saga is going forward"),
        }
    }

    fn take_backward(&mut self, definition: &Definition, event: &Event) -> Fit {
        match event {
            Event::StepCompensated { step, attempt, by: By::Execution } => {
                self.undo_ended(definition, *step, *attempt)?;
                self.steps[*step].status = StepStatus::Undone;
                self.steps[*step].retry_at = None;
                Ok(())
            }
            Event::CompensationFailed { step, attempt, failure, then } => {
                self.undo_ended(definition, *step, *attempt)?;
                let state = &mut self.steps[*step];
                state.undo_attempts = *attempt;
                state.failure = Some(failure.clone());
                match then {
                    Then::Retry { at } => state.retry_at = Some(*at),
                    Then::GiveUp => state.status = StepStatus::UndoFailed,
                }
                Ok(())
            }
            Event::Ended { state, .. } => {
                let is_open = |&step: &usize| self.needs_undo(definition, step) && !self.is_settled(step);
                let plan = self.undo_plan().ok_or("the saga never turned back")?;
                if plan.stages.iter().flatten().any(is_open) {
                    Err("steps are left to undo")
                } else {
                    self.ended(*state)
                }
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

    /// A new owner. Unless the last one gave the saga back in order, an attempt of every step that could be
    /// attempted may have been under way, and is in doubt.
    fn claimed(&mut self, definition: &Definition) -> Fit {
        if self.phase == Phase::Pending {
            self.phase = Phase::Moving;
        }
        if self.is_released {
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

    /// An attempt of `step` may have been under way, and nobody will ever hear of its outcome.
    fn attempt_lost(&mut self, definition: &Definition, step: usize) {
        match self.steps[step].status {
            // Written with a record of each start: no such record, no attempt.
            StepStatus::Waiting if definition.steps[step].at_most_once => {}
            StepStatus::Waiting => self.steps[step].doubt = true,
            StepStatus::Started => {
                self.steps[step].doubt = true;
                self.give_up(definition, step);
            }
            _ => {}
        }
    }

    fn released(&mut self) -> Fit {
        self.is_released = true;
        Ok(())
    }

    fn parked(&mut self, phase: Phase) -> Fit {
        self.phase = phase;
        // Nobody drives a parked saga: whoever claims it finds no attempt under way.
        self.is_released = true;
        Ok(())
    }

    fn ended(&mut self, state: super::SagaState) -> Fit {
        if !state.is_ended() {
            return Err("that is no end");
        }
        self.phase = Phase::Ended(state);
        Ok(())
    }

    fn turn(&mut self, turn: Turn) -> Fit {
        if self.turn.is_some() {
            return Err("the saga is turning back already");
        }
        self.turn = Some(turn);
        Ok(())
    }

    /// A cancel or a deadline met the point of no return, or a request came for nothing.
    fn refused(&mut self, definition: &Definition) -> Fit {
        if self.direction == Direction::Forward && self.is_past_pivot(definition) {
            self.deadline = None;
            if matches!(self.turn, Some(Turn::Cancelled(_) | Turn::TimedOut)) {
                self.turn = None;
            }
        }
        Ok(())
    }

    fn step_started(&mut self, definition: &Definition, step: usize, attempt: u32) -> Fit {
        self.attempt_ended(definition, step, attempt)?;
        if self.steps[step].status != StepStatus::Waiting {
            return Err("an attempt of the step is under way");
        }
        self.steps[step].status = StepStatus::Started;
        Ok(())
    }

    /// Whether an attempt of this number of this step can be what is spoken of.
    fn attempt_ended(&self, definition: &Definition, step: usize, attempt: u32) -> Fit {
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

    fn step_done(&mut self, definition: &Definition, step: usize) -> Fit {
        let state = &mut self.steps[step];
        *state = StepState {
            status: StepStatus::Done,
            doubt: false,
            retry_at: None,
            failure: None,
            ..state.clone()
        };
        if self.turn == Some(Turn::StepFailed(step)) {
            // Another branch may have failed beside it: then that one turns the saga.
            let failed = |step: &StepState| matches!(step.status, StepStatus::Failed | StepStatus::InDoubt);
            self.turn = self.steps.iter().position(failed).map(Turn::StepFailed);
        }
        self.pass_done_stages(definition);
        Ok(())
    }

    fn pass_done_stages(&mut self, definition: &Definition) {
        let is_done = |&step: &usize| self.steps[step].status == StepStatus::Done;
        while definition.stages.get(self.stage).is_some_and(|stage| stage.iter().all(is_done)) {
            self.stage += 1;
        }
    }

    fn step_failed(
        &mut self,
        definition: &Definition,
        step: usize,
        failure: &StepFailure,
        then: Then,
    ) -> Fit {
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
            Then::Retry { at } => state.retry_at = Some(at),
            Then::GiveUp => self.give_up(definition, step),
        }
        Ok(())
    }

    /// No more attempts: the step is verified if it is in doubt and can be, else it has failed.
    fn give_up(&mut self, definition: &Definition, step: usize) {
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

    /// Whether the step can be asked if it took effect.
    fn asked(&self, definition: &Definition, step: usize) -> Fit {
        let state = &self.steps[step];
        let is_open = matches!(state.status, StepStatus::Waiting | StepStatus::Unverified);
        let can_be = state.doubt && definition.steps[step].has_verify;
        if is_open && can_be { Ok(()) } else { Err("the step is not in doubt, or cannot be verified") }
    }

    fn step_absent(&mut self, definition: &Definition, step: usize) -> Fit {
        self.asked(definition, step)?;
        self.steps[step].doubt = false;
        self.steps[step].retry_at = None;
        self.give_up(definition, step);
        Ok(())
    }

    fn verify_failed(
        &mut self,
        definition: &Definition,
        (step, attempt): (usize, u32),
        failure: &StepFailure,
        then: Then,
    ) -> Fit {
        self.asked(definition, step)?;
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

    fn deadline_passed(&mut self, definition: &Definition, dropped: &[usize]) -> Fit {
        self.turn(Turn::TimedOut)?;
        for &step in dropped {
            if step >= self.steps.len() {
                return Err("the definition has no such step");
            }
            self.attempt_lost(definition, step);
        }
        Ok(())
    }

    /// Whether an attempt of this number to undo this step can be what is spoken of.
    fn undo_ended(&self, definition: &Definition, step: usize, attempt: u32) -> Fit {
        let state = &self.steps[step];
        let is_planned =
            self.undo_plan().is_some_and(|plan| plan.stages.iter().flatten().any(|&of| of == step));
        if !is_planned || !self.needs_undo(definition, step) || self.is_settled(step) {
            return Err("the step is not to be undone");
        }
        if attempt != state.undo_attempts + 1 {
            return Err("the attempt is not the next one");
        }
        Ok(())
    }

    /// Whether the undo of `step` is behind it, well or badly.
    pub(super) fn is_settled(&self, step: usize) -> bool {
        matches!(self.steps[step].status, StepStatus::Undone | StepStatus::UndoFailed)
    }

    /// An operator lets a parked saga go on: what had used up its attempts gets new ones.
    fn resumed(&mut self) -> Fit {
        self.phase = Phase::Moving;
        for step in &mut self.steps {
            match (self.direction, step.status) {
                (Direction::Forward, StepStatus::Failed | StepStatus::InDoubt) => {
                    step.status = StepStatus::Waiting;
                    (step.attempts, step.verify_attempts) = (0, 0);
                }
                (Direction::Backward, StepStatus::UndoFailed) => {
                    // Only what is done, or in doubt, gets undone.
                    step.status = if step.doubt { StepStatus::InDoubt } else { StepStatus::Done };
                    step.undo_attempts = 0;
                }
                _ => {}
            }
        }
        if self.direction == Direction::Forward {
            self.turn = None;
        }
        Ok(())
    }

    fn undone_by_hand(&mut self, definition: &Definition, step: usize) -> Fit {
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

    fn done_by_hand(&mut self, definition: &Definition, step: usize) -> Fit {
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

impl Turn {
    /// What turned a saga whose step failed without any error of its own: a worker that died.
    pub(super) const LOST: &'static str = "the worker died during an attempt, and its outcome is unknown";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Action, Record, Situation, StepSet, StuckReason, fold};
    use crate::policy::Defaults;
    use crate::{Labels, Payload, StepDefinition, StepError, Timestamp};

    /// Two branches past the pivot fail. One is done by hand: the saga is parked for the other, and doesn't run it.
    #[test]
    fn a_branch_that_is_done_by_hand_leaves_the_failure_of_another_as_it_is() {
        let step = StepDefinition::new;
        let steps = vec![
            step("pay", StepKind::Pivot),
            step("ship", StepKind::Retriable),
            step("mail", StepKind::Retriable),
        ];
        let definition = Definition::new("order", 1, steps, vec![vec![0], vec![1, 2]]);
        let at = Timestamp::from_micros(0);
        let started = SagaStarted {
            definition: "order".into(),
            version: 1,
            fingerprint: definition.fingerprint,
            codec: "json".into(),
            labels: Labels::new(),
            key: None,
            start_at: at,
            deadline: None,
            owner: Some(crate::WorkerId::new()),
            input: Payload::EMPTY,
        };
        let done = |step, by| Event::StepCompleted { step, attempt: 1, by, output: Payload::EMPTY };
        let failure = |name| Box::new(StepFailure::new(name, &StepError::permanent("broken"), 1));
        let failed =
            |step, name| Event::StepFailed { step, attempt: 1, failure: failure(name), then: Then::GiveUp };
        let parked = StuckReason::StepFailed { failure: *failure("ship") };
        let events = [
            Event::SagaStarted(Box::new(started)),
            done(0, By::Execution),
            failed(1, "ship"),
            failed(2, "mail"),
            Event::Stuck { reason: Box::new(parked) },
            done(1, By::Operator { note: "by car".to_owned() }),
        ];
        let journal: Vec<Record> =
            (0..).zip(events).map(|(sequence, event)| Record { sequence, at, event }).collect();
        let state = fold(&definition, &journal).unwrap();
        let situation = Situation { now: at, running: StepSet::EMPTY, defaults: &Defaults::new() };
        let parked = StuckReason::StepFailed { failure: *failure("mail") };
        assert_eq!(
            state.next(&definition, &situation),
            Action::Record(Event::Stuck { reason: Box::new(parked) })
        );
    }
}
