//! Contexts of spans, as the header `traceparent` carries them.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use saga::TraceContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Keeps the traces of sagas going from process to process: for
/// [`trace_context`](saga::CoordinatorBuilder::trace_context).
///
/// The caller's trace is that of its `tracing` span, or else of the current OpenTelemetry context.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct OpenTelemetry {}

impl OpenTelemetry {
    /// It works with whichever layer of `tracing-opentelemetry` the spans come to.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl TraceContext for OpenTelemetry {
    fn of(&self, span: &Span) -> Option<String> {
        header(span.context().span().span_context())
    }

    fn current(&self) -> Option<String> {
        self.of(&Span::current()).or_else(|| header(Context::current().span().span_context()))
    }

    fn set_parent(&self, span: &Span, context: &str) {
        if let Some(parent) = parse(context)
            && let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent))
        {
            // Nobody listens to the span, or it has begun already: it is a trace of its own.
            tracing::debug!(%error, "a saga does not go on with the trace of its starter");
        }
    }

    fn link(&self, span: &Span, context: &str) {
        if let Some(other) = parse(context) {
            span.add_link(other);
        }
    }
}

/// `00-{trace}-{span}-{flags}`; `None` for a context without a span.
fn header(context: &SpanContext) -> Option<String> {
    context.is_valid().then(|| {
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
    })
}

/// What a header says. Of a later version, what this one knows of it; `None` for what is none.
fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let mut next = |length: usize| {
        let is_hex = |part: &&str| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        parts.next().filter(is_hex)
    };
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    if version == "ff" || version == "00" && parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written_as_it_was() {
        let context = parse(HEADER).unwrap();
        assert!(context.is_remote() && context.is_sampled());
        assert_eq!(header(&context).as_deref(), Some(HEADER));
        let dark = HEADER.replace("-01", "-00");
        assert_eq!(header(&parse(&dark).unwrap()), Some(dark));
    }

    #[test]
    fn a_header_of_a_later_version_is_read_as_far_as_this_one_knows_it() {
        let later = format!("{}-more", HEADER.replacen("00", "01", 1).replace("-01", "-03"));
        assert_eq!(header(&parse(&later).unwrap()).as_deref(), Some(HEADER));
    }

    #[test]
    fn what_is_no_header_is_no_context() {
        let zero_trace = HEADER.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = HEADER.replace("00f067aa0ba902b7", &"0".repeat(16));
        let upper = HEADER.to_uppercase();
        let more = format!("{HEADER}-more");
        let later = HEADER.replacen("00", "ff", 1);
        for text in
            ["", "nonsense", "00-é-1-01", &HEADER[..40], &zero_trace, &zero_span, &upper, &more, &later]
        {
            assert!(parse(text).is_none(), "{text}");
        }
        assert_eq!(header(&SpanContext::empty_context()), None);
    }
}
