//! Whether a crash may have changed how a saga ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::{Event, Record, SagaState, State, StepStatus, StuckReason, fold};
use crate::{Cause, Definition, Payload};

/// What of the outcome must be as in the run in which nothing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sameness {
    Nothing,
    State,
    StateAndOutputs,
}

/// What is not as in the run in which nothing went wrong, and has no reason in either journal.
pub(super) fn difference(
    sameness: Sameness,
    definition: &Definition,
    reference: &[Record],
    journal: &[Record],
) -> Option<String> {
    let (Ok(expected), Ok(found)) = (fold(definition, reference), fold(definition, journal)) else {
        return None;
    };
    let may_differ = |state: &State, journal: &[Record]| {
        is_in_doubt(state)
            || has_lost_start(journal)
            || turned_beside_others(definition, state)
            || journal.iter().any(|record| depends_on_time(definition, &record.event))
    };
    if sameness == Sameness::Nothing || may_differ(&expected, reference) || may_differ(&found, journal) {
        return None;
    }
    let (expected, found) = (expected.saga_state(), found.saga_state());
    if expected != found {
        return Some(format!("the saga is {found}, and without faults it is {expected}"));
    }
    let has_outputs = sameness == Sameness::StateAndOutputs && found == SagaState::Completed;
    (has_outputs && outputs(reference) != outputs(journal))
        .then(|| "the outputs are not those of the run without faults".to_owned())
}

/// Nobody knows what a step did.
fn is_in_doubt(state: &State) -> bool {
    state.steps().iter().any(|step| step.doubt || step.status == StepStatus::InDoubt)
}

/// An attempt was lost that may not be repeated.
fn has_lost_start(journal: &[Record]) -> bool {
    let mut started = BTreeSet::new();
    for record in journal {
        match (&record.event, record.event.step()) {
            (Event::StepStarted { step, .. }, _) => _ = started.insert(*step),
            (Event::Claimed { .. }, _) if !started.is_empty() => return true,
            (_, Some(step)) => _ = started.remove(&step),
            _ => {}
        }
    }
    false
}

/// One of several branches failed: how far the others had come is a matter of time.
fn turned_beside_others(definition: &Definition, state: &State) -> bool {
    let Some(Cause::StepFailed { failure }) = state.cause() else { return false };
    let is_of = |&step: &usize| definition.steps[step].name == failure.step;
    definition.stages.iter().any(|branches| branches.len() > 1 && branches.iter().any(is_of))
}

/// When it happens, or whether, is a matter of time.
fn depends_on_time(definition: &Definition, event: &Event) -> bool {
    match event {
        Event::DeadlinePassed { .. } | Event::CancelRequested { .. } => true,
        Event::StepAbsent { step } => definition.steps.get(*step).is_some_and(|step| step.at_most_once),
        Event::Stuck { reason } => {
            matches!(**reason, StuckReason::PivotInDoubt { .. } | StuckReason::CrashLoop { .. })
        }
        _ => false,
    }
}

fn outputs(journal: &[Record]) -> BTreeMap<usize, &Payload> {
    let output = |record: &'_ Record| match &record.event {
        Event::StepCompleted { step, .. } => Some(*step),
        _ => None,
    };
    journal.iter().filter_map(|record| Some((output(record)?, record.event.payload()?))).collect()
}
