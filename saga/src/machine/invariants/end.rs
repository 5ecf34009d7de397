//! The end.

use super::{Moment, broken_if};
use crate::machine::{Event, NotUndone, SagaState};
use crate::{Cause, StepKind};

/// The state that this ends the saga in.
const fn ended(event: &Event) -> Option<SagaState> {
    match event {
        Event::Ended { state, .. } => Some(*state),
        _ => None,
    }
}

pub(super) fn completed(moment: &Moment<'_>) -> Option<String> {
    let facts = moment.facts;
    if ended(moment.event())? != SagaState::Completed {
        return None;
    }
    let undone = (0..facts.steps.len()).find(|&step| !facts.steps[step].is_done);
    match undone {
        Some(step) => Some(format!("{} is not done", moment.name(step))),
        None if facts.back.is_some() => Some("it went back".to_owned()),
        None if facts.is_given_up => Some("it was given up".to_owned()),
        None => broken_if(facts.is_turning(), || "something makes it turn back".to_owned()),
    }
}

pub(super) fn end_of_cause(moment: &Moment<'_>) -> Option<String> {
    let state = ended(moment.event())?;
    if matches!(state, SagaState::Completed | SagaState::Failed) {
        return None;
    }
    let expected = moment.facts.back.map(|(cause, _)| match cause {
        Cause::StepFailed { .. } => SagaState::Compensated,
        Cause::Cancelled { .. } => SagaState::Cancelled,
        Cause::TimedOut => SagaState::TimedOut,
    });
    broken_if(expected != Some(state), || state.to_string())
}

pub(super) fn end_settled(moment: &Moment<'_>) -> Option<String> {
    let (state, facts) = (ended(moment.event())?, moment.facts);
    if facts.is_given_up || state == SagaState::Completed {
        return None;
    }
    let Some((_, plan)) = facts.back else {
        return broken_if(state == SagaState::Failed, || "it never went back".to_owned());
    };
    let is_open = |step: usize| !facts.steps[step].is_undone && !facts.steps[step].has_undo_given_up;
    let open = plan.stages.iter().flatten().copied().find(|&step| is_open(step))?;
    Some(format!("{} is still to be undone", moment.name(open)))
}

pub(super) fn end_honest(moment: &Moment<'_>) -> Option<String> {
    let Event::Ended { state, not_undone } = moment.event() else { return None };
    let is_failed = moment.facts.is_given_up || !not_undone.is_empty();
    broken_if(is_failed != (*state == SagaState::Failed), || {
        format!("{state} with {} not undone", not_undone.len())
    })
}

pub(super) fn end_report(moment: &Moment<'_>) -> Option<String> {
    let Event::Ended { state, not_undone } = moment.event() else { return None };
    let is_other = *state == SagaState::Completed || moment.facts.is_given_up;
    if is_other || end_settled(moment).is_some() { None } else { misreported(moment, not_undone) }
}

pub(super) fn given_up_report(moment: &Moment<'_>) -> Option<String> {
    let Event::Ended { not_undone, .. } = moment.event() else { return None };
    let is_told = moment.facts.is_given_up && !moment.facts.is_report_blind;
    if is_told { misreported(moment, not_undone) } else { None }
}

fn misreported(moment: &Moment<'_>, not_undone: &[NotUndone]) -> Option<String> {
    let left = (0..moment.facts.steps.len()).filter(|&step| is_left(moment, step));
    let left: Vec<&str> = left.map(|step| moment.definition.steps[step].name.as_ref()).collect();
    let listed: Vec<&str> = not_undone.iter().map(|left| left.step.as_str()).collect();
    broken_if(left != listed, || format!("{listed:?} instead of {left:?}"))
}

/// Whether `step` took effect, or may have, and should be undone and is not.
fn is_left(moment: &Moment<'_>, step: usize) -> bool {
    let (facts, kind) = (&moment.facts.steps[step], moment.definition.steps[step].kind);
    if kind == StepKind::NothingToUndo || facts.is_undone {
        return false;
    }
    let is_left_out = kind == StepKind::Compensatable && !moment.facts.is_planned(step);
    let is_left_done = facts.is_done && (moment.facts.is_given_up || is_left_out);
    facts.has_undo_given_up || is_left_done || facts.is_doubtful
}
