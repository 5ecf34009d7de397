//! A journal as text, for people who read a failure.

use std::fmt::Write as _;

use crate::Definition;
use crate::machine::{By, Event, Record, Then};

/// One line a record.
pub(super) fn journal(definition: &Definition, journal: &[Record]) -> String {
    let first = journal.first().map(|record| record.at);
    let mut text = String::new();
    for record in journal {
        let after = record.at.since(first.unwrap_or(record.at));
        // Writing to a `String` cannot fail.
        _ = writeln!(text, "  {:>3} {after:>10.1?}  {}", record.sequence, line(definition, &record.event));
    }
    text
}

fn line(definition: &Definition, event: &Event) -> String {
    let step = event.step().map(|step| definition.steps.get(step).map_or("?", |step| step.name.as_ref()));
    let step = step.map(|step| format!(" `{step}`")).unwrap_or_default();
    let detail = match event {
        Event::SagaStarted(started) => format!(" `{}`, deadline {:?}", started.definition, started.deadline),
        Event::StepStarted { attempt, .. } => format!(", attempt {attempt}"),
        Event::StepCompleted { attempt, by, .. } | Event::StepCompensated { attempt, by, .. } => {
            format!(", attempt {attempt}{}", who(by))
        }
        Event::StepFailed { failure, then, .. }
        | Event::VerifyFailed { failure, then, .. }
        | Event::CompensationFailed { failure, then, .. } => format!(": {failure}; {}", what(*then)),
        Event::CancelRequested { reason } => format!(": {reason}"),
        Event::DeadlinePassed { dropped } => format!(", dropped {dropped:?}"),
        Event::RequestRefused { request, reason } => format!(" {request}: {reason}"),
        Event::CompensationStarted { cause, plan } => format!(": {cause}; plan {:?}", plan.stages),
        Event::Stuck { reason } => format!(": {reason}"),
        Event::Abandoned { note } => format!(": {note}"),
        Event::Ended { state, not_undone } => {
            let left: Vec<String> =
                not_undone.iter().map(|left| format!(", `{}`: {}", left.step, left.reason)).collect();
            format!(" as {state}{}", left.concat())
        }
        _ => String::new(),
    };
    format!("{}{step}{detail}", event.kind())
}

fn who(by: &By) -> String {
    match by {
        By::Execution => String::new(),
        By::Verification => ", as its `verify` says".to_owned(),
        By::Operator { note } => format!(", as an operator says: {note}"),
    }
}

fn what(then: Then) -> &'static str {
    match then {
        Then::Retry { .. } => "to be tried again",
        Then::GiveUp => "given up",
    }
}
