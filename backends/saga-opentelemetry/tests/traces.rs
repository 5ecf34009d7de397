//! What reaches OpenTelemetry of sagas: one trace, whoever drives them.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use saga::policy::{millis, secs};
use saga::{
    Coordinator, EventFilter, MemoryStore, SagaState, StartOptions, StepContext, StepError, TRACE_LABEL,
    saga, step,
};
use saga_opentelemetry::OpenTelemetry;
use tracing::Instrument as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::prelude::*;

/// A process: where its spans go. Another process has others.
struct Process {
    exporter: InMemorySpanExporter,
    /// Forgets all spans as it is dropped.
    _provider: SdkTracerProvider,
    subscribed: Option<DefaultGuard>,
}

impl Process {
    fn begin() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_location(false);
        let subscribed = Some(tracing_subscriber::registry().with(layer).set_default());
        Self { exporter, _provider: provider, subscribed }
    }

    /// What comes now is no part of it.
    fn end(&mut self) {
        self.subscribed = None;
    }

    /// All spans that have ended, in that order.
    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// The one span of this name.
    #[track_caller]
    fn span(&self, name: &str) -> SpanData {
        let mut named: Vec<SpanData> = self.spans().into_iter().filter(|span| span.name == name).collect();
        assert_eq!(named.len(), 1, "spans called `{name}` among {:?}", self.names());
        named.remove(0)
    }

    fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name.into_owned()).collect()
    }
}

/// The attributes of a span that are the saga's, and its error's.
fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let all = span.attributes.iter().map(|of| (of.key.to_string(), of.value.to_string()));
    all.filter(|(key, _)| key.starts_with("saga.") || key.starts_with("error.")).collect()
}

#[track_caller]
fn is_child(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{} of {}", child.name, parent.name);
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
}

#[saga(steps(book_flight -> book_hotel))]
struct Trip;

#[step(compensate = cancel_flight)]
async fn book_flight(_trip: &Trip, city: &String) -> Result<String, StepError> {
    Ok(city.clone())
}

async fn cancel_flight(_trip: &Trip, _city: &String) -> Result<(), StepError> {
    Ok(())
}

/// Never comes to an end in the first attempt, unless it is for Rome.
#[step(compensate = none, retry = fixed(1, millis(1)))]
async fn book_hotel(cx: &StepContext<Trip>, city: &String) -> Result<(), StepError> {
    if city != "Rome" && cx.attempt() == 1 {
        std::future::pending::<()>().await;
    }
    if cx.attempt() == 1 {
        return Err(StepError::transient("the line is busy"));
    }
    Err(StepError::business("FULL", "no room"))
}

async fn coordinator(store: &Arc<MemoryStore>) -> Coordinator {
    let builder = Coordinator::builder_shared(store.clone()).saga(Trip).trace_context(OpenTelemetry::new());
    builder.shutdown_timeout(millis(1)).poll_interval(millis(10)).build().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_saga_is_a_part_of_its_callers_trace_and_an_undo_links_to_what_it_undoes() {
    let process = Process::begin();
    let coordinator = coordinator(&Arc::default()).await;
    let request = tracing::info_span!("request");
    let trip = coordinator.start::<Trip>("Rome".to_owned()).instrument(request).await.unwrap();
    assert_eq!(trip.outcome().await.unwrap().state(), SagaState::Compensated);
    coordinator.shutdown().await;

    let saga = process.span("saga trip");
    is_child(&saga, &process.span("request"));
    assert_eq!((saga.status.clone(), saga.links.len()), (Status::Unset, 0));
    let expected = [
        ("saga.definition", "trip"),
        ("saga.id", &trip.id().to_string()),
        ("saga.outcome", "compensated"),
        ("saga.version", "1"),
    ];
    assert_eq!(attributes(&saga), expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let (flight, hotel) = (process.span("execute book_flight"), process.span("execute book_hotel"));
    let undo = process.span("compensate book_flight");
    for step in [&flight, &hotel, &undo] {
        is_child(step, &saga);
    }

    let attempts: Vec<SpanData> =
        process.spans().into_iter().filter(|span| span.name == "attempt book_hotel").collect();
    let [busy, full] = &attempts[..] else { panic!("{attempts:?}") };
    is_child(busy, &hotel);
    is_child(full, &hotel);
    assert_eq!(busy.status, Status::error("the line is busy"));
    let expected = [
        ("error.type", "StepError"),
        ("saga.attempt", "2"),
        ("saga.error.code", "FULL"),
        ("saga.outcome", "business"),
        ("saga.step", "book_hotel"),
    ];
    assert_eq!(attributes(full), expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(full.status, Status::error("no room"));

    let links: Vec<_> = undo.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [flight.span_context.span_id()]);
    assert_eq!((flight.links.len(), hotel.links.len()), (0, 0));
}

/// Another process takes the saga over while its hotel is being booked.
async fn taken_over(first: impl AsyncFnOnce(&Coordinator)) -> (Process, Process) {
    let store = Arc::new(MemoryStore::new());
    let mut one = Process::begin();
    let coordinator_of_one = coordinator(&store).await;
    first(&coordinator_of_one).await;
    coordinator_of_one.shutdown().await;
    one.end();

    let other = Process::begin();
    let coordinator_of_other = coordinator(&store).await;
    let mut events = coordinator_of_other.subscribe(EventFilter::all().kind("ended"));
    events.next().await.unwrap().unwrap();
    coordinator_of_other.shutdown().await;
    (one, other)
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_another_process_takes_up_goes_on_with_its_callers_trace() {
    let (one, other) = taken_over(async |coordinator| {
        let request = tracing::info_span!("request");
        coordinator.start::<Trip>("Oslo".to_owned()).instrument(request).await.unwrap();
        tokio::time::sleep(secs(1)).await;
    })
    .await;
    let request = one.span("request");
    is_child(&one.span("saga trip"), &request);
    let resumed = other.span("saga trip");
    is_child(&resumed, &request);
    assert!(resumed.parent_span_is_remote);
    is_child(&other.span("compensate book_flight"), &resumed);
}

#[tokio::test(start_paused = true)]
async fn a_saga_whose_caller_has_no_trace_is_one_trace_all_the_same() {
    let (one, other) = taken_over(async |coordinator| {
        coordinator.start::<Trip>("Oslo".to_owned()).await.unwrap();
        tokio::time::sleep(secs(1)).await;
    })
    .await;
    let begun = one.span("saga trip");
    assert!(!begun.parent_span_is_remote);
    is_child(&other.span("saga trip"), &begun);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_begins_later_is_in_the_trace_of_its_starter() {
    let process = Process::begin();
    let coordinator = coordinator(&Arc::default()).await;
    let options = StartOptions::new().delay(secs(1));
    let request = tracing::info_span!("request");
    let starting = coordinator.start_with::<Trip>("Rome".to_owned(), options).instrument(request);
    starting.await.unwrap().outcome().await.unwrap();
    coordinator.shutdown().await;
    is_child(&process.span("saga trip"), &process.span("request"));
}

#[tokio::test(start_paused = true)]
async fn what_the_starter_says_itself_counts() {
    let process = Process::begin();
    let coordinator = coordinator(&Arc::default()).await;
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let options = StartOptions::new().label(TRACE_LABEL, header);
    let request = tracing::info_span!("request");
    let starting = coordinator.start_with::<Trip>("Rome".to_owned(), options).instrument(request);
    let trip = starting.await.unwrap();
    trip.outcome().await.unwrap();
    coordinator.shutdown().await;
    let saga = process.span("saga trip");
    assert_eq!(saga.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(saga.parent_span_id.to_string(), "00f067aa0ba902b7");
    let instance = coordinator.instance(trip.id()).await.unwrap().unwrap();
    assert_eq!(instance.labels.get(TRACE_LABEL).map(String::as_str), Some(header));
}
