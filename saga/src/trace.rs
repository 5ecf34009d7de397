//! Traces that go on from process to process: the seam to a tracing system.

use tracing::Span;

/// Knows the trace contexts of spans, as the W3C header `traceparent` carries them.
///
/// `saga-opentelemetry` has one for OpenTelemetry; [`trace_context`](crate::CoordinatorBuilder::trace_context) takes it.
/// The trace of a saga's starter is then kept with the saga, under the label [`TRACE_LABEL`], and whichever process drives the
/// saga goes on with it. Methods are called only with spans that somebody listens to, must be quick, and never panic.
pub trait TraceContext: Send + Sync + 'static {
    /// The context of a span, `00-{trace}-{span}-{flags}`; `None` where it is part of no trace.
    fn of(&self, span: &Span) -> Option<String>;

    /// The context of the caller, to whose trace a saga belongs that is started now. Not called where the starter sets the
    /// label itself.
    fn current(&self) -> Option<String> {
        self.of(&Span::current())
    }

    /// Makes a fresh span the child of the span of this context. A context that cannot be read changes nothing.
    fn set_parent(&self, span: &Span, context: &str);

    /// Has a span tell that it has to do with the span of this context: an undo with what it undoes. A context that cannot
    /// be read changes nothing.
    fn link(&self, span: &Span, context: &str);
}

/// The label under which the trace of a saga's starter is kept, as the header of this name carries it (W3C Trace Context).
/// A starter may set it; a [`TraceContext`] sets it where the starter did not.
pub const TRACE_LABEL: &str = "traceparent";
