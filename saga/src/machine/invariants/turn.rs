//! Turning back.

use super::forward::goes_forward;
use super::{Moment, broken_if};
use crate::Cause;
use crate::machine::Event;

pub(super) fn one_turn(moment: &Moment<'_>) -> Option<String> {
    let is_turn = matches!(moment.event(), Event::CancelRequested { .. } | Event::DeadlinePassed { .. });
    let is_open = moment.facts.back.is_none() && !moment.facts.is_past_pivot();
    broken_if(is_turn && is_open && moment.facts.is_turning(), || format!("`{}`", moment.event().kind()))
}

pub(super) fn no_step_begins(moment: &Moment<'_>) -> Option<String> {
    let Event::StepStarted { step, .. } = moment.event() else { return None };
    let facts = &moment.facts.steps[*step];
    // What is over, or in doubt, is the matter of other rules.
    let concerns = !facts.has_given_up && !facts.is_done && moment.facts.back.is_none();
    broken_if(concerns && moment.facts.is_turning(), || moment.name(*step))
}

pub(super) fn dropped_open(moment: &Moment<'_>) -> Option<String> {
    let Event::DeadlinePassed { dropped } = moment.event() else { return None };
    let is_open = |step: usize| {
        let facts = &moment.facts.steps[step];
        moment.facts.is_reached(step) && !facts.is_done && !moment.facts.has_failed(step)
    };
    let closed = dropped.iter().copied().find(|&step| !is_open(step))?;
    Some(moment.name(closed))
}

pub(super) fn no_way_forward(moment: &Moment<'_>) -> Option<String> {
    moment.facts.back?;
    let event = moment.event();
    let is_turn = matches!(
        event,
        Event::CancelRequested { .. } | Event::DeadlinePassed { .. } | Event::CompensationStarted { .. }
    );
    broken_if(is_turn || goes_forward(event).is_some(), || format!("`{}`", event.kind()))
}

pub(super) fn true_cause(moment: &Moment<'_>) -> Option<String> {
    let Event::CompensationStarted { cause, .. } = moment.event() else { return None };
    let facts = moment.facts;
    let is_true = match &**cause {
        Cause::StepFailed { failure } => {
            let step = moment.definition.step_index(&failure.step);
            step.is_some_and(|step| facts.has_failed(step)) && facts.cancel.is_none() && !facts.is_timed_out
        }
        Cause::Cancelled { reason } => facts.cancel == Some(reason),
        Cause::TimedOut => facts.is_timed_out,
    };
    broken_if(!is_true && facts.back.is_none(), || cause.to_string())
}

pub(super) fn point_of_no_return(moment: &Moment<'_>) -> Option<String> {
    let is_back = matches!(
        moment.event(),
        Event::CancelRequested { .. }
            | Event::DeadlinePassed { .. }
            | Event::CompensationStarted { .. }
            | Event::StepCompensated { .. }
            | Event::CompensationFailed { .. }
    );
    broken_if(is_back && moment.facts.is_past_pivot(), || format!("`{}`", moment.event().kind()))
}

pub(super) fn pivot_in_doubt(moment: &Moment<'_>) -> Option<String> {
    let Event::CompensationStarted { .. } = moment.event() else { return None };
    let pivot = moment.definition.pivot()?;
    broken_if(moment.facts.steps[pivot].is_doubtful, || moment.name(pivot))
}

pub(super) fn settled_first(moment: &Moment<'_>) -> Option<String> {
    let Event::CompensationStarted { .. } = moment.event() else { return None };
    // Whether the pivot is in doubt is the matter of a rule of its own.
    let is_open = |&step: &usize| {
        moment.definition.pivot() != Some(step)
            && (moment.facts.steps[step].is_under_way || moment.facts.is_askable(step))
    };
    let open = (0..moment.facts.steps.len()).find(is_open)?;
    Some(moment.name(open))
}
