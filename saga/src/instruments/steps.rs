//! The handles of one step.

use metrics::{Counter, Histogram, counter, histogram};

use super::Stopwatch;
use super::catalog;
use crate::machine::Task;
use crate::{FailureKind, StepDefinition, StepKind};

/// One step's. `verify` and `compensate` are there only for a step that has them.
pub(super) struct StepInstruments {
    execute: TaskInstruments,
    verify: Option<TaskInstruments>,
    compensate: Option<TaskInstruments>,
    pub(super) dropped: Counter,
}

/// Those of one of the things that a step can do.
pub(super) struct TaskInstruments {
    done: Counter,
    /// By [`FailureKind`].
    failed: [Counter; 4],
    /// Of a `verify` that found no effect.
    pub(super) absent: Option<Counter>,
    retries: Counter,
    duration: Histogram,
}

impl StepInstruments {
    pub(super) fn new(definition: &'static str, step: &'static StepDefinition) -> Self {
        let name: &'static str = &step.name;
        let task = |task| TaskInstruments::new(definition, name, task);
        Self {
            execute: task(Task::Execute),
            verify: step.has_verify.then(|| task(Task::Verify)),
            compensate: (step.kind == StepKind::Compensatable).then(|| task(Task::Undo)),
            dropped: counter!(catalog::STEPS_DROPPED.name, "definition" => definition, "step" => name),
        }
    }

    pub(super) const fn task(&self, task: Task) -> Option<&TaskInstruments> {
        match task {
            Task::Execute => Some(&self.execute),
            Task::Verify => self.verify.as_ref(),
            Task::Undo => self.compensate.as_ref(),
        }
    }
}

impl TaskInstruments {
    fn new(definition: &'static str, step: &'static str, task: Task) -> Self {
        let name = match task {
            Task::Execute => "execute",
            Task::Verify => "verify",
            Task::Undo => "compensate",
        };
        let attempts = |outcome: &'static str| {
            counter!(
                catalog::STEP_ATTEMPTS.name,
                "definition" => definition, "step" => step, "task" => name, "outcome" => outcome,
            )
        };
        let labels = [("definition", definition), ("step", step), ("task", name)];
        Self {
            done: attempts("done"),
            failed: [
                attempts(kind_name(FailureKind::Transient)),
                attempts(kind_name(FailureKind::Permanent)),
                attempts(kind_name(FailureKind::Business)),
                attempts(kind_name(FailureKind::InDoubt)),
            ],
            absent: (task == Task::Verify).then(|| attempts("absent")),
            retries: counter!(catalog::STEP_RETRIES.name, &labels),
            duration: histogram!(catalog::STEP_DURATION.name, &labels),
        }
    }

    pub(super) fn done(&self) {
        self.done.increment(1);
    }

    pub(super) fn failed(&self, kind: FailureKind, is_retried: bool) {
        self.failed[kind as usize].increment(1);
        if is_retried {
            self.retries.increment(1);
        }
    }

    pub(super) fn took(&self, since: Stopwatch) {
        self.duration.record(since.seconds());
    }
}

const fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Transient => "transient",
        FailureKind::Permanent => "permanent",
        FailureKind::Business => "business",
        FailureKind::InDoubt => "in_doubt",
    }
}
