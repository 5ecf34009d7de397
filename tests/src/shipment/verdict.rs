//! What is wrong with a shipment after all is over: its journal is held against the world, and against who wrote it.

use std::collections::BTreeMap;

use saga::machine::{By, Event, Record, SagaState, State, StepStatus, fold, invariants};
use saga::{Saga as _, SagaId, StepKind, WorkerId};

use super::{Course, SAID_BY, Shipment};
use crate::outside::{Account, Accounts, Call};

/// The name under which each worker calls the world.
pub type Callers = BTreeMap<WorkerId, String>;

/// What is wrong with a shipment that nobody drives any more.
#[must_use]
pub fn wrong(
    course: Course,
    saga: SagaId,
    journal: &[Record],
    accounts: &Accounts,
    callers: &Callers,
) -> Vec<String> {
    let definition = Shipment::definition();
    let mut wrong: Vec<String> = invariants(definition, journal).iter().map(ToString::to_string).collect();
    let state = match fold(definition, journal) {
        Ok(state) => state,
        Err(illegal) => return vec![illegal.to_string()],
    };
    let expected = match course {
        Course::Well | Course::Mute => SagaState::Completed,
        Course::NoVan | Course::Declined | Course::Silent => SagaState::Compensated,
        Course::Jammed => SagaState::Stuck,
    };
    if state.saga_state() != expected {
        wrong.push(format!("it is {}, and not {expected}: {:?}", state.saga_state(), state.stuck_reason()));
    }
    if expected == SagaState::Stuck && state.stuck_reason().is_none() {
        wrong.push("it is parked without a reason".to_owned());
    }
    let epochs = epochs(journal, callers);
    for (index, step) in definition.steps.iter().enumerate() {
        let account = accounts.get(&(saga, step.name.to_string())).cloned().unwrap_or_default();
        let mut say = |what: String| wrong.push(format!("`{}` {what}", step.name));
        if account.effects.len() > 1 || account.undos.len() > 1 {
            say(format!("came under several keys: {account:?}"));
        }
        for (undone_by, late) in &account.late {
            if !was_before(&epochs, late, undone_by) {
                say(format!("was done by {late} after {undone_by} had undone it, in {epochs:?}"));
            }
        }
        for kind in ["step_completed", "step_compensated"] {
            let count = recorded(journal, index, kind);
            if count > 1 {
                say(format!("is recorded {count} times as {kind}"));
            }
        }
        if let Some(what) = against_world(&state, index, step.kind, &account) {
            say(format!("{what}: {:?}, {account:?}", state.steps()[index].status));
        }
    }
    for (record, (owner, epoch)) in journal.iter().zip(epochs_of_records(journal, callers)) {
        if let Some(what) = foreign(record, owner, accounts, saga) {
            wrong.push(format!("record {} is not of the owner of epoch {epoch}: {what}", record.sequence));
        }
    }
    wrong
}

/// Who owned the saga, one after another.
fn epochs<'a>(journal: &[Record], callers: &'a Callers) -> Vec<&'a str> {
    let mut epochs = Vec::new();
    for (owner, epoch) in epochs_of_records(journal, callers) {
        if epochs.len() < epoch {
            epochs.push(owner.unwrap_or("nobody"));
        }
    }
    epochs
}

/// For each record who owned the saga, and in which epoch, from 1: each claim begins one.
fn epochs_of_records<'a>(
    journal: &[Record],
    callers: &'a Callers,
) -> impl Iterator<Item = (Option<&'a str>, usize)> {
    let (mut owner, mut epoch) = (None, 1);
    let owners = journal.iter().map(move |record| {
        match &record.event {
            Event::SagaStarted(started) => owner = started.owner,
            Event::Claimed { worker } => (owner, epoch) = (Some(*worker), epoch + 1),
            _ => {}
        }
        (owner.map(|owner| callers.get(&owner).map_or("somebody unknown", String::as_str)), epoch)
    });
    owners.collect::<Vec<_>>().into_iter()
}

/// Whether `early` owned the saga, and then somebody else who is `late`: only who lost a saga may do, unknowing, what
/// its next owner has undone.
fn was_before(epochs: &[&str], early: &str, late: &str) -> bool {
    let first = epochs.iter().position(|owner| *owner == early);
    let last = epochs.iter().rposition(|owner| *owner == late);
    early != late && first.zip(last).is_some_and(|(first, last)| first < last)
}

/// What shows that somebody else than the owner wrote a record.
fn foreign(record: &Record, owner: Option<&str>, accounts: &Accounts, saga: SagaId) -> Option<String> {
    let owner = owner.unwrap_or("nobody");
    let called = |step: usize, call: Call| {
        let step = Shipment::definition().steps[step].name.to_string();
        let account = accounts.get(&(saga, step));
        account.is_some_and(|account| account.callers.contains(&(call, owner.to_owned())))
    };
    match &record.event {
        Event::StepCompleted { step, by, output, .. } if !matches!(by, By::Operator { .. }) => {
            let signed = String::from_utf8_lossy(output.as_bytes()).trim_matches('"').to_owned();
            if signed != owner {
                return Some(format!("{signed} did step {step}, and {owner} owns the saga"));
            }
            let is_unheard = *by == By::Execution && !called(*step, Call::Effect);
            is_unheard.then(|| format!("the world has not heard of step {step} from {owner}"))
        }
        Event::StepCompensated { step, by: By::Execution, .. } => (!called(*step, Call::Undo))
            .then(|| format!("the world has not heard of the undo of step {step} from {owner}")),
        Event::StepFailed { failure, .. }
        | Event::VerifyFailed { failure, .. }
        | Event::CompensationFailed { failure, .. } => {
            let (_, signed) = failure.message.rsplit_once(SAID_BY)?;
            (signed != owner).then(|| format!("{signed} failed, and {owner} owns the saga"))
        }
        _ => None,
    }
}

fn recorded(journal: &[Record], step: usize, kind: &str) -> usize {
    let by_operator = |event: &Event| {
        matches!(
            event,
            Event::StepCompleted { by: By::Operator { .. }, .. }
                | Event::StepCompensated { by: By::Operator { .. }, .. }
        )
    };
    let of = |record: &&Record| record.event.kind() == kind && record.event.step() == Some(step);
    journal.iter().filter(of).filter(|record| !by_operator(&record.event)).count()
}

fn against_world(state: &State, step: usize, kind: StepKind, account: &Account) -> Option<&'static str> {
    let stands = account.stands();
    match (state.saga_state(), state.steps()[step].status) {
        (SagaState::Completed, _) if !stands => Some("left no effect, and the saga completed"),
        (SagaState::Compensated, _) if stands => Some("stands, and the saga says that all is undone"),
        (_, StepStatus::Done) if account.effects.is_empty() => {
            Some("is recorded as done, and left no effect")
        }
        (_, StepStatus::Undone | StepStatus::Failed) if stands => Some("is recorded as undone, and stands"),
        (_, StepStatus::Done) if kind == StepKind::Pivot && !stands => {
            Some("is the pivot, and does not stand")
        }
        _ => None,
    }
}
