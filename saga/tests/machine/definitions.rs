//! Random definitions.

use std::fmt;
use std::ops::Deref;

use proptest::prelude::*;
use saga::policy::{
    Compensation, CompensationStrategy, OnUndoFailure, best_effort, custom, exponential, fixed, minutes,
    parallel, secs, sequential,
};
use saga::{Cause, Definition, StepDefinition, StepKind};

/// One step of a random definition, as drawn.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn on its own")]
struct Draft {
    is_reversible: bool,
    begins_stage: bool,
    undo_takes_output: bool,
    has_verify: bool,
    at_most_once: bool,
    retry: Option<u32>,
    undo_retry: Option<u32>,
}

/// What the user's own strategy does.
#[derive(Debug, Clone, Copy)]
struct Own {
    compensates: bool,
    leaves_out_first: bool,
    on_failure: OnUndoFailure,
}

impl CompensationStrategy for Own {
    fn should_compensate(&self, _cause: &Cause) -> bool {
        self.compensates
    }

    fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
        // Two at a time, first ones first.
        let done = &done[usize::from(self.leaves_out_first && !done.is_empty())..];
        done.chunks(2).map(|pair| pair.iter().map(|&name| name.to_owned()).collect()).collect()
    }

    fn on_undo_failure(&self) -> OnUndoFailure {
        self.on_failure
    }
}

/// A random definition, with a `Debug` that fits on a screen.
#[derive(Clone)]
pub(crate) struct Drawn(pub(crate) Definition);

impl Deref for Drawn {
    type Target = Definition;

    fn deref(&self) -> &Definition {
        &self.0
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stages {:?}, timeout {:?}", self.stages, self.timeout)?;
        writeln!(f, "{:?}", self.compensation)?;
        for step in &self.steps {
            let marks = [
                ("takes output", step.undo_takes_output),
                ("verify", step.has_verify),
                ("at most once", step.at_most_once),
            ];
            let marks: Vec<&str> = marks.iter().filter(|mark| mark.1).map(|mark| mark.0).collect();
            let retries = [step.retry, step.compensation_retry].map(|of| of.map(|of| of.retries_max()));
            writeln!(f, "{}: {}, {marks:?}, retries {retries:?}", step.name, step.kind.as_str())?;
        }
        Ok(())
    }
}

/// Any definition that passes its own check: 1 to 6 steps, with and without a pivot, of all kinds and strategies.
pub(crate) fn any_definition() -> impl Strategy<Value = Drawn> {
    let draft = (
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.3)),
        prop::option::of(0_u32..3),
        prop::option::of(0_u32..3),
    );
    let draft = draft.prop_map(|(flags, retry, undo_retry)| {
        let (is_reversible, begins_stage, undo_takes_output, has_verify, at_most_once) = flags;
        Draft { is_reversible, begins_stage, undo_takes_output, has_verify, at_most_once, retry, undo_retry }
    });
    let timeout = prop::option::of(Just(minutes(2)));
    (prop::collection::vec(draft, 1..=6), prop::option::of(0_usize..6), any_compensation(), timeout).prop_map(
        |(drafts, pivot, compensation, timeout)| {
            let mut definition = assembled(&drafts, pivot.filter(|&pivot| pivot < drafts.len()));
            (definition.compensation, definition.timeout) = (compensation, timeout);
            definition.check().expect("it is drawn so that it fits together");
            Drawn(definition)
        },
    )
}

fn any_compensation() -> impl Strategy<Value = Option<Compensation>> {
    let on_failure = prop_oneof![Just(OnUndoFailure::Park), Just(OnUndoFailure::GoOn)];
    let own = (prop::bool::weighted(0.9), any::<bool>(), on_failure).prop_map(
        |(compensates, leaves_out_first, on_failure)| {
            Some(custom(Own { compensates, leaves_out_first, on_failure }))
        },
    );
    prop_oneof![
        Just(None),
        Just(Some(sequential(secs(30)).retry(fixed(1, secs(1))))),
        Just(Some(parallel(secs(30)).retry(fixed(1, secs(1))))),
        Just(Some(best_effort(secs(30)).retry(fixed(1, secs(1))))),
        own,
    ]
}

fn assembled(drafts: &[Draft], pivot: Option<usize>) -> Definition {
    let mut steps = Vec::new();
    let mut stages: Vec<Vec<usize>> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let kind = match pivot {
            Some(pivot) if pivot == index => StepKind::Pivot,
            _ if !draft.is_reversible => StepKind::NothingToUndo,
            Some(pivot) if pivot < index => StepKind::Retriable,
            _ => StepKind::Compensatable,
        };
        let is_alone = index == 0 || pivot == Some(index) || pivot == Some(index - 1);
        match stages.last_mut() {
            Some(stage) if !is_alone && !draft.begins_stage => stage.push(index),
            _ => stages.push(vec![index]),
        }
        let mut step = StepDefinition::new(["a", "b", "c", "d", "e", "f"][index], kind);
        step.undo_takes_output = draft.undo_takes_output;
        (step.has_verify, step.at_most_once) = (draft.has_verify, draft.at_most_once);
        step.retry = draft.retry.map(|retries| fixed(retries, secs(1)));
        step.compensation_retry = draft.undo_retry.map(|retries| exponential(retries, secs(1), secs(9)));
        steps.push(step);
    }
    Definition::new("any", 1, steps, stages)
}
