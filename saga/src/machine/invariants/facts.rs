//! What the records so far tell, taken down as it stands there. Nothing is refused here.

use crate::machine::{By, Event, StuckReason, Then};
use crate::policy::UndoPlan;
use crate::step::UNRECORDABLE;
use crate::{Cause, Definition, FailureKind, StepFailure, StepKind};

/// What the records so far tell of a saga.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts<'a> {
    definition: &'a Definition,
    pub(super) is_owned: bool,
    pub(super) stuck: Option<&'a StuckReason>,
    pub(super) is_given_up: bool,
    /// Whether it was given up without its definition at hand, so that its report names no steps.
    pub(super) is_report_blind: bool,
    pub(super) is_ended: bool,
    /// A cancel that was accepted and not taken back.
    pub(super) cancel: Option<&'a str>,
    /// Whether a deadline passed, and that was not taken back.
    pub(super) is_timed_out: bool,
    pub(super) back: Option<(&'a Cause, &'a UndoPlan)>,
    /// Owners lost in a row without any progress.
    pub(super) claims: u32,
    pub(super) steps: Vec<StepFacts>,
}

/// What the records so far tell of a step.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct StepFacts {
    pub(super) attempts: Count,
    pub(super) verify_attempts: Count,
    pub(super) undo_attempts: Count,
    /// Whether an attempt has a recorded start and no outcome.
    pub(super) is_under_way: bool,
    pub(super) is_done: bool,
    pub(super) is_undone: bool,
    /// Whether it may have taken effect without our knowing.
    pub(super) is_doubtful: bool,
    pub(super) has_given_up: bool,
    pub(super) has_verify_given_up: bool,
    pub(super) has_undo_given_up: bool,
}

/// The number of the last attempt, and whether the next one may be the first again.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    last: u32,
    may_restart: bool,
}

impl Count {
    pub(super) const fn fits(self, attempt: u32) -> bool {
        attempt == self.last + 1 || (self.may_restart && attempt == 1)
    }

    const fn note(&mut self, attempt: u32) {
        *self = Self { last: attempt, may_restart: false };
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(definition: &'a Definition) -> Self {
        Self {
            definition,
            is_owned: false,
            stuck: None,
            is_given_up: false,
            is_report_blind: false,
            is_ended: false,
            cancel: None,
            is_timed_out: false,
            back: None,
            claims: 0,
            steps: vec![StepFacts::default(); definition.steps.len()],
        }
    }

    pub(super) fn is_past_pivot(&self) -> bool {
        self.definition.pivot().is_some_and(|pivot| self.steps[pivot].is_done)
    }

    /// Whether every stage before that of `step` is done.
    pub(super) fn is_reached(&self, step: usize) -> bool {
        let mut before = self.definition.stages.iter().take_while(|stage| !stage.contains(&step)).flatten();
        before.all(|&of| self.steps[of].is_done)
    }

    /// Whether `step` has failed, and nobody is left to ask about it.
    pub(super) fn has_failed(&self, step: usize) -> bool {
        let facts = &self.steps[step];
        facts.has_given_up && !(self.is_askable(step))
    }

    /// Whether `step` is in doubt and somebody is left to ask.
    pub(super) fn is_askable(&self, step: usize) -> bool {
        let facts = &self.steps[step];
        facts.is_doubtful && self.definition.steps[step].has_verify && !facts.has_verify_given_up
    }

    /// Whether something makes the saga turn back, or stop past the pivot.
    pub(super) fn is_turning(&self) -> bool {
        self.cancel.is_some() || self.is_timed_out || (0..self.steps.len()).any(|step| self.has_failed(step))
    }

    /// Whether `step` has an effect that its compensation can settle and has not yet.
    pub(super) fn needs_undo(&self, step: usize) -> bool {
        let (facts, known) = (&self.steps[step], &self.definition.steps[step]);
        known.kind == StepKind::Compensatable
            && !facts.is_undone
            && (facts.is_done || (facts.is_doubtful && !known.undo_takes_output))
    }

    pub(super) fn is_planned(&self, step: usize) -> bool {
        self.back.is_some_and(|(_, plan)| plan.stages.iter().flatten().any(|&of| of == step))
    }

    /// Takes `event` down. Steps that the definition doesn't have are passed over.
    pub(super) fn note(&mut self, event: &'a Event) {
        if event.step().is_some_and(|step| step >= self.steps.len()) {
            return;
        }
        if !matches!(event, Event::Claimed { .. } | Event::Released { .. }) {
            self.claims = 0;
        }
        match event {
            Event::SagaStarted(started) => self.is_owned = started.owner.is_some(),
            Event::Claimed { .. } => self.note_claim(),
            Event::Released { .. } => self.is_owned = false,
            Event::Stuck { reason } => {
                self.stuck = Some(reason);
                self.is_report_blind = !is_of_machine(reason);
                (self.is_owned, self.is_given_up) = (false, false);
            }
            Event::Resumed => self.note_resume(),
            Event::Abandoned { .. } => (self.stuck, self.is_given_up) = (None, true),
            Event::Ended { .. } => self.is_ended = true,
            Event::CancelRequested { reason } => self.cancel = Some(reason),
            Event::DeadlinePassed { dropped } => {
                self.is_timed_out = true;
                for &step in dropped.iter().filter(|&&step| step < self.definition.steps.len()) {
                    self.note_lost(step);
                }
            }
            Event::RequestRefused { request, .. } if self.is_past_pivot() => match request.as_ref() {
                "cancel" => self.cancel = None,
                "timeout" => self.is_timed_out = false,
                _ => {}
            },
            Event::RequestRefused { .. } => {}
            Event::CompensationStarted { cause, plan } => self.back = Some((cause, plan)),
            Event::StepStarted { step, .. }
            | Event::StepCompleted { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepAbsent { step }
            | Event::VerifyFailed { step, .. }
            | Event::StepCompensated { step, .. }
            | Event::CompensationFailed { step, .. } => self.note_step(*step, event),
        }
    }

    fn note_step(&mut self, step: usize, event: &'a Event) {
        let at_most_once = self.definition.steps[step].at_most_once;
        let facts = &mut self.steps[step];
        match event {
            Event::StepStarted { .. } => facts.is_under_way = true,
            Event::StepCompleted { by, .. } => {
                facts.is_done = true;
                (facts.is_under_way, facts.is_doubtful, facts.has_given_up) = (false, false, false);
                // A pivot that was taken for not done, and is supplied after all.
                facts.is_undone &= self.back.is_some();
                if matches!(by, By::Operator { .. }) {
                    self.stuck = None;
                }
            }
            Event::StepFailed { attempt, failure, then, .. } => {
                facts.attempts.note(*attempt);
                facts.is_under_way = false;
                facts.is_doubtful = leaves_doubt(failure, facts.is_doubtful);
                facts.has_given_up = *then == Then::GiveUp || (at_most_once && facts.is_doubtful);
            }
            Event::StepAbsent { .. } => (facts.is_doubtful, facts.has_given_up) = (false, true),
            Event::VerifyFailed { attempt, then, .. } => {
                facts.verify_attempts.note(*attempt);
                if *then == Then::GiveUp {
                    (facts.has_given_up, facts.has_verify_given_up) = (true, true);
                }
            }
            Event::StepCompensated { by, .. } => {
                facts.is_undone = true;
                if matches!(by, By::Operator { .. }) {
                    facts.is_doubtful = false;
                    self.stuck = None;
                }
            }
            Event::CompensationFailed { attempt, then, .. } => {
                facts.undo_attempts.note(*attempt);
                facts.has_undo_given_up = *then == Then::GiveUp;
            }
            _ => {}
        }
    }

    /// A new owner. If there was one that is lost, so is every attempt that may have been under way.
    fn note_claim(&mut self) {
        if self.is_owned && self.stuck.is_none() && !self.is_given_up {
            self.claims += 1;
            if self.back.is_none() {
                for step in 0..self.steps.len() {
                    let (facts, known) = (&self.steps[step], &self.definition.steps[step]);
                    let may_run = !known.at_most_once || facts.is_under_way;
                    if may_run
                        && !facts.is_done
                        && !facts.is_undone
                        && !facts.has_given_up
                        && self.is_reached(step)
                    {
                        self.note_lost(step);
                    }
                }
            }
        }
        self.is_owned = true;
    }

    fn note_lost(&mut self, step: usize) {
        let facts = &mut self.steps[step];
        facts.is_under_way = false;
        // Dropped while it was asked about: nothing new is in doubt.
        facts.is_doubtful = true;
        facts.has_given_up |= self.definition.steps[step].at_most_once;
    }

    fn note_resume(&mut self) {
        self.stuck = None;
        let is_past_pivot = self.is_past_pivot();
        let is_unwanted = self.cancel.is_some() || self.is_timed_out;
        for step in 0..self.steps.len() {
            let has_failed = self.has_failed(step);
            let (facts, known) = (&mut self.steps[step], &self.definition.steps[step]);
            if facts.has_undo_given_up {
                facts.has_undo_given_up = false;
                facts.undo_attempts.may_restart = true;
            }
            let is_open = is_past_pivot || (known.kind == StepKind::Pivot && facts.is_doubtful);
            if has_failed && is_open {
                facts.attempts.may_restart = true;
                facts.verify_attempts.may_restart = true;
                // What may not be run again, or is not wanted any more, can only be asked.
                facts.has_given_up = facts.is_doubtful && (known.at_most_once || is_unwanted);
                facts.has_verify_given_up = false;
            }
        }
    }
}

/// Whether a step is in doubt after this failure, if it was, or was not, before.
fn leaves_doubt(failure: &StepFailure, before: bool) -> bool {
    match failure.kind {
        FailureKind::InDoubt => true,
        _ if failure.code.as_deref() == Some(UNRECORDABLE) => true,
        FailureKind::Business | FailureKind::Permanent => false,
        FailureKind::Transient => before,
    }
}

/// Whether the machine parks for such a reason; the others come from outside of it.
pub(super) const fn is_of_machine(reason: &StuckReason) -> bool {
    matches!(
        reason,
        StuckReason::UndoFailed { .. }
            | StuckReason::StepFailed { .. }
            | StuckReason::PivotInDoubt { .. }
            | StuckReason::CrashLoop { .. }
    )
}
