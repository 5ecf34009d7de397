//! Going forward.

use super::{Moment, broken_if};
use crate::machine::{By, Event, Then};
use crate::{FailureKind, StepDefinition};

/// The step that this is an attempt of, begun or ended.
const fn attempted(event: &Event) -> Option<usize> {
    match event {
        Event::StepStarted { step, .. }
        | Event::StepCompleted { step, by: By::Execution, .. }
        | Event::StepFailed { step, .. } => Some(*step),
        _ => None,
    }
}

/// The step that was asked whether it took effect.
const fn asked(event: &Event) -> Option<usize> {
    match event {
        Event::StepCompleted { step, by: By::Verification, .. }
        | Event::StepAbsent { step }
        | Event::VerifyFailed { step, .. } => Some(*step),
        _ => None,
    }
}

/// The step of an event that belongs to the way forward.
pub(super) fn goes_forward(event: &Event) -> Option<usize> {
    attempted(event).or(asked(event))
}

pub(super) fn flow_order(moment: &Moment<'_>) -> Option<String> {
    let step = goes_forward(moment.event())?;
    broken_if(!moment.facts.is_reached(step), || moment.name(step))
}

pub(super) fn done_once(moment: &Moment<'_>) -> Option<String> {
    let step = goes_forward(moment.event())?;
    broken_if(moment.facts.steps[step].is_done, || {
        format!("`{}` of {}", moment.event().kind(), moment.name(step))
    })
}

pub(super) fn attempt_numbers(moment: &Moment<'_>) -> Option<String> {
    let (step, attempt, counted) = match moment.event() {
        Event::StepStarted { step, attempt }
        | Event::StepCompleted { step, attempt, by: By::Execution, .. }
        | Event::StepFailed { step, attempt, .. } => (*step, *attempt, moment.facts.steps[*step].attempts),
        Event::StepCompleted { step, attempt, by: By::Verification, .. }
        | Event::VerifyFailed { step, attempt, .. } => {
            (*step, *attempt, moment.facts.steps[*step].verify_attempts)
        }
        Event::StepCompensated { step, attempt, by: By::Execution }
        | Event::CompensationFailed { step, attempt, .. } => {
            (*step, *attempt, moment.facts.steps[*step].undo_attempts)
        }
        _ => return None,
    };
    broken_if(!counted.fits(attempt), || format!("attempt {attempt} of {}", moment.name(step)))
}

pub(super) fn refusals_stand(moment: &Moment<'_>) -> Option<String> {
    let (Event::StepFailed { failure, then, .. }
    | Event::VerifyFailed { failure, then, .. }
    | Event::CompensationFailed { failure, then, .. }) = moment.event()
    else {
        return None;
    };
    let is_refusal = matches!(failure.kind, FailureKind::Business | FailureKind::Permanent);
    broken_if(is_refusal && *then != Then::GiveUp, || failure.to_string())
}

pub(super) fn within_policy(moment: &Moment<'_>) -> Option<String> {
    let (definition, defaults) = (moment.definition, moment.defaults);
    let of = |step: usize| -> &StepDefinition { &definition.steps[step] };
    let (step, attempt, policy) = match moment.event() {
        Event::StepFailed { step, attempt, then: Then::Retry { .. }, .. }
        | Event::VerifyFailed { step, attempt, then: Then::Retry { .. }, .. } => {
            let own = of(*step).retry.or(definition.retry);
            (*step, *attempt, own.or(defaults.map(|defaults| defaults.retry(definition, of(*step)))))
        }
        Event::CompensationFailed { step, attempt, then: Then::Retry { .. }, .. } => {
            let compensation = definition.compensation.as_ref();
            let own = of(*step).compensation_retry.or(compensation.and_then(|of| of.retry));
            (*step, *attempt, own.or(defaults.map(|defaults| defaults.undo_retry(definition, of(*step)))))
        }
        _ => return None,
    };
    let retries_max = policy?.retries_max();
    broken_if(attempt > retries_max, || format!("retry {attempt} of {}, of {retries_max}", moment.name(step)))
}

pub(super) fn given_up_stays(moment: &Moment<'_>) -> Option<String> {
    let (step, is_given_up) = if let Some(step) = attempted(moment.event()) {
        let at_most_once = moment.definition.steps[step].at_most_once && moment.facts.steps[step].is_doubtful;
        // That is the matter of a rule of its own.
        (step, moment.facts.steps[step].has_given_up && !at_most_once)
    } else {
        let step = asked(moment.event())?;
        (step, moment.facts.steps[step].has_verify_given_up)
    };
    broken_if(is_given_up, || format!("`{}` of {}", moment.event().kind(), moment.name(step)))
}

pub(super) fn recorded_starts(moment: &Moment<'_>) -> Option<String> {
    let step = attempted(moment.event())?;
    let is_start = matches!(moment.event(), Event::StepStarted { .. });
    let facts = &moment.facts.steps[step];
    let concerns = moment.definition.steps[step].at_most_once && !facts.is_doubtful && !facts.is_done;
    broken_if(concerns && facts.is_under_way == is_start, || {
        let what = if is_start { "a start during an attempt" } else { "an outcome without a start" };
        format!("{what} of {}", moment.name(step))
    })
}

pub(super) fn at_most_once(moment: &Moment<'_>) -> Option<String> {
    let step = attempted(moment.event())?;
    let is_barred = moment.definition.steps[step].at_most_once && moment.facts.steps[step].is_doubtful;
    broken_if(is_barred, || format!("`{}` of {}", moment.event().kind(), moment.name(step)))
}

pub(super) fn asked_in_doubt(moment: &Moment<'_>) -> Option<String> {
    let step = asked(moment.event())?;
    let facts = &moment.facts.steps[step];
    // Who is done or has used up the question is the matter of other rules.
    let is_other = facts.is_done || facts.has_verify_given_up;
    let may_be = facts.is_doubtful
        && moment.definition.steps[step].has_verify
        && (facts.has_given_up || moment.facts.is_turning());
    broken_if(!may_be && !is_other, || moment.name(step))
}

pub(super) fn supply_fits(moment: &Moment<'_>) -> Option<String> {
    let Event::StepCompleted { step, by: By::Operator { .. }, .. } = moment.event() else { return None };
    let facts = &moment.facts.steps[*step];
    let is_open = moment.facts.back.is_none() && moment.facts.is_reached(*step);
    let fits = if facts.is_done { !facts.is_undone && !facts.has_undo_given_up } else { is_open };
    broken_if(!fits, || moment.name(*step))
}
