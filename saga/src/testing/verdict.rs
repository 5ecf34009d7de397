//! Whether what a saga recorded, and what it did to the world, fit together.

use std::collections::BTreeSet;

use super::ledger::Ledger;
use crate::machine::{By, Event, Record, SagaState, State, StepStatus, fold, invariants};
use crate::{Definition, SagaId, StepKind};

/// Lists what is wrong with a saga that ended or is parked. `known` are the steps that act on the world at all.
pub(super) fn verdict(
    definition: &Definition,
    (saga, journal): (SagaId, &[Record]),
    ledger: &Ledger,
    known: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong: Vec<String> = invariants(definition, journal).iter().map(ToString::to_string).collect();
    wrong.extend(ledger.complaints());
    wrong.extend(recorded_twice(definition, journal));
    let state = match fold(definition, journal) {
        Ok(state) => state,
        Err(illegal) => {
            wrong.push(format!("the journal cannot be read: {illegal}"));
            return wrong;
        }
    };
    if !state.saga_state().is_ended() && state.saga_state() != SagaState::Stuck {
        wrong.push(format!("the saga neither ended nor is parked: it is {}", state.saga_state()));
    }
    for step in 0..definition.steps.len() {
        let name = definition.steps[step].name.as_ref();
        if known.contains(name) {
            let found = step_against_world(definition, &state, step, (saga, ledger));
            wrong.extend(found.map(|what| format!("`{name}` {what}")));
        }
    }
    wrong
}

/// Each outcome is recorded once: an operator may mend one, the saga itself may not.
fn recorded_twice(definition: &Definition, journal: &[Record]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for record in journal {
        let is_first = match &record.event {
            Event::StepCompleted { step, by: By::Execution | By::Verification, .. } => {
                seen.insert((*step, "done"))
            }
            Event::StepCompensated { step, by: By::Execution, .. } => seen.insert((*step, "undone")),
            _ => true,
        };
        if let (false, Some(step)) = (is_first, record.event.step()) {
            let name = definition.steps.get(step).map_or("?", |step| step.name.as_ref());
            wrong.push(format!("record {}: `{name}` has a second {}", record.sequence, record.event.kind()));
        }
    }
    wrong
}

/// What one step left in the world against what its saga says of it.
fn step_against_world(
    definition: &Definition,
    state: &State,
    step: usize,
    (saga, ledger): (SagaId, &Ledger),
) -> Option<&'static str> {
    let known = &definition.steps[step];
    let account = ledger.account(saga, &known.name).unwrap_or_default();
    let is_reported = state.not_undone().iter().any(|left| left.step == known.name);
    let is_undoable = known.kind != StepKind::NothingToUndo;
    match (state.saga_state(), state.steps()[step].status) {
        (SagaState::Completed, _) if account.was_undone() => Some("was undone, and the saga completed"),
        (SagaState::Completed, _) if !account.stands => Some("left no effect, and the saga completed"),
        (SagaState::Compensated | SagaState::Cancelled | SagaState::TimedOut, _)
            if is_undoable && account.stands =>
        {
            Some("left an effect, and the saga says that everything is undone")
        }
        (SagaState::Failed, _) if is_undoable && account.stands && !is_reported => {
            Some("left an effect that the saga's report leaves out")
        }
        (_, StepStatus::Done) if !account.took_effect() => Some("is recorded as done, and left no effect"),
        (_, StepStatus::Done) if is_undoable && state.saga_state() == SagaState::Failed && !is_reported => {
            Some("is done, and the saga's report leaves it out")
        }
        (_, StepStatus::Undone) if account.stands => Some("is recorded as undone, and its effect is there"),
        (_, StepStatus::Failed) if account.stands => Some("is recorded as failed, and its effect is there"),
        (_, StepStatus::Failed | StepStatus::Undone) if is_reported => {
            Some("left nothing, and the saga's report says that it did")
        }
        _ => None,
    }
}
