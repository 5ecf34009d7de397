//! Going back.

use super::{Moment, broken_if};
use crate::StepKind;
use crate::machine::{By, Event};
use crate::policy::{OnUndoFailure, Order};

/// The step that an attempt to undo was made of.
const fn undo_attempted(event: &Event) -> Option<usize> {
    match event {
        Event::StepCompensated { step, by: By::Execution, .. } | Event::CompensationFailed { step, .. } => {
            Some(*step)
        }
        _ => None,
    }
}

pub(super) fn plan_needed(moment: &Moment<'_>) -> Option<String> {
    let Event::CompensationStarted { plan, .. } = moment.event() else { return None };
    let planned = plan.stages.concat();
    let is_wrong = |at: usize| !moment.facts.needs_undo(planned[at]) || planned[..at].contains(&planned[at]);
    let wrong = (0..planned.len()).find(|&at| is_wrong(at))?;
    Some(moment.name(planned[wrong]))
}

pub(super) fn plan_of_strategy(moment: &Moment<'_>) -> Option<String> {
    let Event::CompensationStarted { plan, .. } = moment.event() else { return None };
    let definition = moment.definition;
    let compensation = definition.compensation.as_ref();
    let order = &compensation.or(moment.defaults.map(|defaults| &defaults.compensation))?.order;
    let needed = (0..definition.steps.len()).filter(|&step| moment.facts.needs_undo(step));
    let (stages, on_failure): (Vec<Vec<usize>>, _) = match order {
        Order::Sequential => (needed.rev().map(|step| vec![step]).collect(), OnUndoFailure::Park),
        Order::BestEffort => (needed.rev().map(|step| vec![step]).collect(), OnUndoFailure::GoOn),
        Order::Parallel => {
            let all: Vec<usize> = needed.collect();
            (if all.is_empty() { vec![] } else { vec![all] }, OnUndoFailure::GoOn)
        }
        // Only the user knows.
        Order::Custom(_) => return None,
    };
    // What needs no undo at all is the matter of another rule.
    let is_other = plan_needed(moment).is_some() || moment.facts.back.is_some();
    let fits = plan.stages == stages && plan.on_failure == on_failure;
    broken_if(!fits && !is_other, || format!("{:?} for {order:?}", plan.stages))
}

pub(super) fn undo_planned(moment: &Moment<'_>) -> Option<String> {
    let step = undo_attempted(moment.event())?;
    let is_other = moment.facts.is_past_pivot();
    broken_if(!moment.facts.is_planned(step) && !is_other, || moment.name(step))
}

pub(super) fn undone_once(moment: &Moment<'_>) -> Option<String> {
    let (Event::StepCompensated { step, .. } | Event::CompensationFailed { step, .. }) = moment.event()
    else {
        return None;
    };
    broken_if(moment.facts.steps[*step].is_undone, || moment.name(*step))
}

pub(super) fn undo_order(moment: &Moment<'_>) -> Option<String> {
    let step = undo_attempted(moment.event())?;
    let (_, plan) = moment.facts.back?;
    let is_settled = |of: usize| {
        let facts = &moment.facts.steps[of];
        facts.is_undone || (facts.has_undo_given_up && plan.on_failure == OnUndoFailure::GoOn)
    };
    let before = plan.stages.iter().take_while(|stage| !stage.contains(&step)).flatten();
    let open = before.copied().find(|&of| !is_settled(of));
    let open = open.filter(|_| moment.facts.is_planned(step))?;
    Some(format!("{} before {}", moment.name(step), moment.name(open)))
}

pub(super) fn undo_given_up(moment: &Moment<'_>) -> Option<String> {
    let step = undo_attempted(moment.event())?;
    let facts = &moment.facts.steps[step];
    broken_if(facts.has_undo_given_up && !facts.is_undone, || moment.name(step))
}

pub(super) fn skip_fits(moment: &Moment<'_>) -> Option<String> {
    let Event::StepCompensated { step, by: By::Operator { .. }, .. } = moment.event() else { return None };
    let facts = &moment.facts.steps[*step];
    let is_pivot = moment.definition.steps[*step].kind == StepKind::Pivot;
    let fits = match moment.facts.back {
        Some(_) => facts.is_done || facts.is_doubtful,
        None => is_pivot && facts.is_doubtful && moment.facts.is_turning(),
    };
    // The rules of the pivot, and of what is undone, say the rest.
    broken_if(!fits && !facts.is_undone && !moment.facts.is_past_pivot(), || moment.name(*step))
}
