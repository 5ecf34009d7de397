//! Spans: saga → step → attempt. Their fields are listed in `docs/traces.md`.

use tracing::{Span, field};

use crate::machine::Task;
use crate::trace::{TRACE_LABEL, TraceContext};
use crate::{Definition, FailureKind, Labels, SagaId, SagaState, StepError};

/// The span of a drive of a saga, in the trace of its starter, where that is known.
pub(crate) fn saga_span(
    definition: &Definition,
    saga: SagaId,
    labels: &Labels,
    context: Option<&dyn TraceContext>,
) -> Span {
    let name = &definition.name;
    let span = tracing::info_span!(
        parent: None,
        "saga",
        otel.name = %format_args!("saga {name}"),
        otel.status_code = field::Empty,
        saga.id = %saga,
        saga.definition = %name,
        saga.version = definition.version,
        saga.outcome = field::Empty,
    );
    if !span.is_disabled()
        && let Some(context) = context
        && let Some(starter) = labels.get(TRACE_LABEL)
    {
        context.set_parent(&span, starter);
    }
    span
}

/// The spans of the steps of one saga, each open for as long as its step is attempted.
pub(super) struct StepSpans<'a> {
    saga: Span,
    context: Option<&'a dyn TraceContext>,
    open: Vec<(usize, Task, Span)>,
    /// The contexts of the steps that are done, for their undos.
    done: Vec<(usize, String)>,
}

impl<'a> StepSpans<'a> {
    pub(super) const fn new(saga: Span, context: Option<&'a dyn TraceContext>) -> Self {
        Self { saga, context, open: Vec::new(), done: Vec::new() }
    }

    /// The span of one attempt.
    pub(super) fn attempt(&mut self, definition: &Definition, step: usize, task: Task, number: u32) -> Span {
        if self.saga.is_disabled() {
            return Span::none();
        }
        let name = &definition.steps[step].name;
        let known = self.open.iter().position(|(of, at, _)| (*of, *at) == (step, task));
        let known = known.unwrap_or_else(|| {
            let span = self.step(name, step, task);
            self.open.push((step, task, span));
            self.open.len() - 1
        });
        let parent = &self.open[known].2;
        tracing::info_span!(
            parent: parent,
            "attempt",
            otel.name = %format_args!("attempt {name}"),
            otel.status_code = field::Empty,
            otel.status_description = field::Empty,
            saga.step = %name,
            saga.attempt = number,
            saga.outcome = field::Empty,
            error.type = field::Empty,
            saga.error.code = field::Empty,
        )
    }

    fn step(&self, name: &str, step: usize, task: Task) -> Span {
        let task_name = task_name(task);
        let span = tracing::info_span!(
            parent: &self.saga,
            "step",
            otel.name = %format_args!("{task_name} {name}"),
            saga.step = %name,
            saga.task = task_name,
        );
        if task != Task::Execute
            && let Some(context) = self.context
            && let Some((_, done)) = self.done.iter().find(|(of, _)| *of == step)
        {
            context.link(&span, done);
        }
        span
    }

    /// Closes the span of a step whose last attempt ended.
    pub(super) fn close(&mut self, step: usize, task: Task) {
        if let (Task::Execute, Some(context)) = (task, self.context) {
            self.remember(step, context);
        }
        self.open.retain(|(of, at, _)| (*of, *at) != (step, task));
    }

    /// Remembers the context of the execution of a step.
    fn remember(&mut self, step: usize, context: &dyn TraceContext) {
        let open = self.open.iter().find(|(of, at, _)| (*of, *at) == (step, Task::Execute));
        if let Some(done) = open.and_then(|(.., span)| context.of(span)) {
            self.done.retain(|(of, _)| *of != step);
            self.done.push((step, done));
        }
    }

    pub(super) const fn saga(&self) -> &Span {
        &self.saga
    }

    /// Writes how the saga came to rest to its span.
    pub(super) fn rests(&self, state: SagaState) {
        if self.saga.is_disabled() {
            return;
        }
        self.saga.record("saga.outcome", state.as_str());
        // An undone saga did what it promises; one that needs somebody, or was not wholly undone, did not.
        match state {
            SagaState::Completed => self.saga.record("otel.status_code", "OK"),
            SagaState::Failed | SagaState::Stuck => self.saga.record("otel.status_code", "ERROR"),
            _ => &self.saga,
        };
    }
}

/// Writes the outcome of an attempt to its span.
pub(super) fn record_outcome<T>(span: &Span, outcome: &Result<T, StepError>) {
    if span.is_disabled() {
        return;
    }
    match outcome {
        Ok(_) => _ = span.record("saga.outcome", "ok"),
        Err(error) => {
            span.record("saga.outcome", kind_name(error.kind()));
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", field::display(error.message()));
            span.record("error.type", error.type_name());
            if let Some(code) = error.code() {
                span.record("saga.error.code", code);
            }
        }
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

const fn task_name(task: Task) -> &'static str {
    match task {
        Task::Execute => "execute",
        Task::Verify => "verify",
        Task::Undo => "compensate",
    }
}
