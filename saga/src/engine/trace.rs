//! Spans: saga → step → attempt.

use tracing::{Span, field};

use crate::machine::Task;
use crate::{Definition, SagaId, StepError};

/// The span of a saga. Its fields: `saga.id`, `saga.definition`, `saga.version`, and `saga.outcome` at the end.
pub(crate) fn saga_span(definition: &Definition, saga: SagaId) -> Span {
    tracing::info_span!(
        parent: None,
        "saga",
        saga.id = %saga,
        saga.definition = %definition.name,
        saga.version = definition.version,
        saga.outcome = field::Empty,
    )
}

/// The spans of the steps of one saga, each open for as long as its step is attempted.
#[derive(Debug)]
pub(super) struct StepSpans {
    saga: Span,
    open: Vec<(usize, Task, Span)>,
}

impl StepSpans {
    pub(super) const fn new(saga: Span) -> Self {
        Self { saga, open: Vec::new() }
    }

    /// The span of one attempt. Its fields: `step`, `attempt`, and `outcome` at the end.
    pub(super) fn attempt(&mut self, definition: &Definition, step: usize, task: Task, number: u32) -> Span {
        if self.saga.is_disabled() {
            return Span::none();
        }
        let name = &definition.steps[step].name;
        let known = self.open.iter().position(|(of, at, _)| (*of, *at) == (step, task));
        let known = known.unwrap_or_else(|| {
            let task_name = task_name(task);
            let span = tracing::info_span!(parent: &self.saga, "step", step = %name, task = task_name);
            self.open.push((step, task, span));
            self.open.len() - 1
        });
        let parent = &self.open[known].2;
        tracing::info_span!(parent: parent, "attempt", step = %name, attempt = number, outcome = field::Empty)
    }

    /// Closes the span of a step whose last attempt ended.
    pub(super) fn close(&mut self, step: usize, task: Task) {
        self.open.retain(|(of, at, _)| (*of, *at) != (step, task));
    }

    pub(super) const fn saga(&self) -> &Span {
        &self.saga
    }
}

/// Writes the outcome of an attempt to its span.
pub(super) fn record_outcome<T>(span: &Span, outcome: &Result<T, StepError>) {
    if span.is_disabled() {
        return;
    }
    match outcome {
        Ok(_) => span.record("outcome", "ok"),
        Err(error) => span.record("outcome", field::display(error.kind())),
    };
}

const fn task_name(task: Task) -> &'static str {
    match task {
        Task::Execute => "execute",
        Task::Verify => "verify",
        Task::Undo => "compensate",
    }
}
