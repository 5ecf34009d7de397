//! What is traced: saga → step → attempt, with their fields.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use saga::policy::{fixed, millis, secs};
use saga::testing::Ledger;
use saga::{Coordinator, SagaState};
use saga_tests::journey::Journey;
use saga_tests::services::Mood;
use saga_tests::watched_memory;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A span, as it was traced.
#[derive(Debug, Default)]
struct Traced {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    was_entered: bool,
    is_closed: bool,
}

/// Remembers all spans. Clones are one.
#[derive(Debug, Clone, Default)]
struct Tracer {
    spans: Arc<Mutex<BTreeMap<u64, Traced>>>,
    references: Arc<Mutex<BTreeMap<u64, usize>>>,
    latest: Arc<AtomicU64>,
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Tracer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("saga")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        let mut traced = Traced {
            name: attributes.metadata().name(),
            parent: attributes.parent().map(Id::into_u64),
            ..Traced::default()
        };
        attributes.record(&mut Fields(&mut traced.fields));
        self.spans.lock().unwrap().insert(number, traced);
        self.references.lock().unwrap().insert(number, 1);
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.spans.lock().unwrap();
        values.record(&mut Fields(&mut spans.get_mut(&span.into_u64()).unwrap().fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.spans.lock().unwrap().get_mut(&span.into_u64()).unwrap().was_entered = true;
    }

    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        *self.references.lock().unwrap().get_mut(&id.into_u64()).unwrap() += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut references = self.references.lock().unwrap();
        let left = references.get_mut(&id.into_u64()).unwrap();
        *left -= 1;
        if *left == 0 {
            self.spans.lock().unwrap().get_mut(&id.into_u64()).unwrap().is_closed = true;
        }
        *left == 0
    }
}

impl Tracer {
    /// Each span below `parent`, in order, as a line: its name and fields, indented by its depth.
    fn tree(&self, parent: Option<u64>, depth: usize) -> Vec<String> {
        let children: Vec<(u64, String)> = {
            let spans = self.spans.lock().unwrap();
            let children = spans.iter().filter(|(_, span)| span.parent == parent);
            children
                .map(|(number, span)| {
                    let fields = span.fields.iter().map(|(name, value)| format!(" {name}={value}"));
                    (*number, format!("{}{}{}", "  ".repeat(depth), span.name, fields.collect::<String>()))
                })
                .collect()
        };
        children
            .into_iter()
            .flat_map(|(number, line)| [line].into_iter().chain(self.tree(Some(number), depth + 1)))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_saga_is_traced_as_saga_step_and_attempt_with_their_outcomes() {
    let tracer = Tracer::default();
    let journey = Journey::new(&Ledger::new())
        .with("room", Mood::Busy(1))
        .with("car", Mood::Panics)
        .with("undo flight", Mood::Slow(secs(5)));
    let subscribed = tracing::subscriber::set_default(tracer.clone());
    let builder = Coordinator::builder(watched_memory()).saga(journey).retry(fixed(1, millis(10)));
    let coordinator = builder.build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Failed);
    coordinator.shutdown().await;
    drop(subscribed);

    let id = handle.id();
    let failed = |step: &str, attempt: u32, (outcome, kind, code, message): (&str, &str, &str, &str)| {
        format!(
            "    attempt error.type={kind} otel.name=attempt {step} otel.status_code=ERROR \
             otel.status_description={message} saga.attempt={attempt}{code} saga.outcome={outcome} saga.step={step}"
        )
    };
    let busy = ("transient", "StepError", "", "busy");
    let panicked = (
        "in_doubt",
        "saga::Panic",
        " saga.error.code=SAGA_STEP_PANICKED",
        "the step panicked: out of its wits",
    );
    let expected = [
        format!(
            "saga otel.name=saga journey otel.status_code=ERROR saga.definition=journey saga.id={id} \
             saga.outcome=failed saga.version=1"
        ),
        "  step otel.name=execute flight saga.step=flight saga.task=execute".to_owned(),
        "    attempt otel.name=attempt flight saga.attempt=1 saga.outcome=ok saga.step=flight".to_owned(),
        "  step otel.name=execute room saga.step=room saga.task=execute".to_owned(),
        failed("room", 1, busy),
        "    attempt otel.name=attempt room saga.attempt=2 saga.outcome=ok saga.step=room".to_owned(),
        "  step otel.name=execute car saga.step=car saga.task=execute".to_owned(),
        failed("car", 1, panicked),
        failed("car", 2, panicked),
        "  step otel.name=compensate room saga.step=room saga.task=compensate".to_owned(),
        "    attempt otel.name=attempt room saga.attempt=1 saga.outcome=ok saga.step=room".to_owned(),
        "  step otel.name=compensate flight saga.step=flight saga.task=compensate".to_owned(),
        "    attempt otel.name=attempt flight saga.attempt=1 saga.outcome=ok saga.step=flight".to_owned(),
    ];
    assert_eq!(tracer.tree(None, 0), expected);
    for span in tracer.spans.lock().unwrap().values() {
        assert!(span.is_closed, "{span:?} is still open");
        assert!(span.was_entered || span.name == "step", "nothing happened inside {span:?}");
    }
}
