//! Who may write what, when.

use super::{Moment, broken_if, spoken_of};
use crate::machine::{By, Event, StuckReason};
use crate::policy::OnUndoFailure;

pub(super) fn numbers(moment: &Moment<'_>) -> Option<String> {
    broken_if(moment.record.sequence != moment.index as u64, || format!("{} is its place", moment.index))
}

pub(super) fn one_start(moment: &Moment<'_>) -> Option<String> {
    let definition = moment.definition;
    match moment.event() {
        Event::SagaStarted(_) if moment.index > 0 => Some("a second `saga_started`".to_owned()),
        Event::SagaStarted(started) => broken_if(
            started.definition != definition.name
                || started.version != definition.version
                || started.fingerprint != definition.fingerprint,
            || format!("a start of `{}`, version {}", started.definition, started.version),
        ),
        event => broken_if(moment.index == 0, || format!("`{}` comes first", event.kind())),
    }
}

pub(super) fn known_steps(moment: &Moment<'_>) -> Option<String> {
    let unknown = spoken_of(moment.event()).into_iter().find(|&step| step >= moment.definition.steps.len());
    unknown.map(|step| format!("step {step}"))
}

pub(super) fn end_is_last(moment: &Moment<'_>) -> Option<String> {
    broken_if(moment.facts.is_ended, || format!("`{}`", moment.event().kind()))
}

pub(super) fn owned(moment: &Moment<'_>) -> Option<String> {
    let (event, facts) = (moment.event(), moment.facts);
    let is_parked = facts.stuck.is_some() || facts.is_given_up;
    let may_be_unowned = match event {
        Event::SagaStarted(_) | Event::Claimed { .. } => true,
        // Whoever parked it may give it up at once.
        Event::Stuck { .. }
        | Event::RequestRefused { .. }
        | Event::Abandoned { .. }
        | Event::Ended { .. } => is_parked,
        _ => false,
    };
    let is_owned = facts.is_owned || facts.is_ended;
    broken_if(!is_owned && !may_be_unowned, || format!("`{}` of nobody", event.kind()))
}

pub(super) fn released_at_rest(moment: &Moment<'_>) -> Option<String> {
    let Event::Released { .. } = moment.event() else { return None };
    let step = moment.facts.steps.iter().position(|step| step.is_under_way)?;
    Some(format!("an attempt of {}", moment.name(step)))
}

/// Whether only an operator does such a thing.
const fn is_of_operator(event: &Event) -> bool {
    matches!(
        event,
        Event::Resumed
            | Event::Abandoned { .. }
            | Event::StepCompleted { by: By::Operator { .. }, .. }
            | Event::StepCompensated { by: By::Operator { .. }, .. }
    )
}

/// Whether such a thing may happen to a saga however it stands.
const fn is_of_anyone(event: &Event) -> bool {
    matches!(
        event,
        Event::Claimed { .. } | Event::Released { .. } | Event::RequestRefused { .. } | Event::Stuck { .. }
    )
}

pub(super) fn stuck_rests(moment: &Moment<'_>) -> Option<String> {
    let event = moment.event();
    let is_stuck = moment.facts.stuck.is_some();
    broken_if(is_stuck && !is_of_operator(event) && !is_of_anyone(event), || format!("`{}`", event.kind()))
}

pub(super) fn operator_when_stuck(moment: &Moment<'_>) -> Option<String> {
    let is_stuck = moment.facts.stuck.is_some() || moment.facts.is_given_up || moment.facts.is_ended;
    broken_if(is_of_operator(moment.event()) && !is_stuck, || format!("`{}`", moment.event().kind()))
}

pub(super) fn given_up(moment: &Moment<'_>) -> Option<String> {
    let event = moment.event();
    let may_be = is_of_anyone(event) || matches!(event, Event::Ended { .. }) || moment.facts.is_ended;
    broken_if(moment.facts.is_given_up && !may_be, || format!("`{}`", event.kind()))
}

pub(super) fn stuck_reason(moment: &Moment<'_>) -> Option<String> {
    let Event::Stuck { reason } = moment.event() else { return None };
    let (facts, definition) = (moment.facts, moment.definition);
    let step = |name: &str| definition.step_index(name).map(|step| &facts.steps[step]);
    let is_true = match reason.as_ref() {
        StuckReason::UndoFailed { failure } => {
            step(&failure.step).is_some_and(|step| step.has_undo_given_up && !step.is_undone)
                && facts.back.is_some_and(|(_, plan)| plan.on_failure == OnUndoFailure::Park)
        }
        StuckReason::StepFailed { failure } => {
            facts.is_past_pivot()
                && definition.step_index(&failure.step).is_some_and(|step| facts.has_failed(step))
        }
        StuckReason::PivotInDoubt { step: name } => {
            definition.pivot() == definition.step_index(name)
                && facts.is_turning()
                && step(name).is_some_and(|pivot| pivot.is_doubtful)
        }
        StuckReason::CrashLoop { claims } => *claims == facts.claims && *claims > 0,
        _ => true,
    };
    broken_if(!is_true, || reason.to_string())
}
