//! Events as the outside sees them: the published JSON keeps its schema, whatever a saga does; handlers.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;

use saga::machine::{By, Event, SagaStarted, StuckReason, Then};
use saga::policy::{OnUndoFailure, UndoPlan, minutes, secs};
use saga::store::{Append, HeadChange, JournalStore};
use saga::testing::FakeBroker;
use saga::{
    Cause, Coordinator, EventFilter, EventType, Labels, MemoryStore, Outcome, Payload, SagaEvent, SagaId,
    SagaState, StartOptions, StepError, StepFailure, Timestamp, WorkerId,
};
use saga_tests::journey::Journey;
use saga_tests::services::Mood;
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// Whether a text is an event by the published schema, with no field that the schema doesn't explain.
fn check(schema: &jsonschema::Validator, json: &str) -> Value {
    let event: Value = serde_json::from_str(json).unwrap();
    let errors: Vec<String> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{json}: {errors:?}");
    let explained: Value = serde_json::from_str(SagaEvent::SCHEMA).unwrap();
    for field in event.as_object().unwrap().keys() {
        assert!(explained["properties"].get(field).is_some(), "the schema doesn't explain `{field}`: {json}");
    }
    event
}

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(SagaEvent::SCHEMA).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Entries of each kind, with each turn that they can take, as no single saga has them.
fn all_kinds() -> Vec<Event> {
    let failure = |error: StepError| Box::new(StepFailure::new("charge", &error, 2));
    let transient = || failure(StepError::transient("the line is busy"));
    let business = || failure(StepError::business("CARD_DECLINED", "no funds"));
    let doubt = || failure(StepError::in_doubt("no answer"));
    let retry = || Then::Retry { at: Timestamp::from_micros(1_800_000_000_000_000) };
    let by = || By::Operator { note: "by telephone".to_owned() };
    let plan = || UndoPlan { stages: vec![vec![1], vec![0]], on_failure: OnUndoFailure::GoOn };
    let failed = |failure, then| Event::StepFailed { step: 1, attempt: 2, failure, then };
    let verify = |then| Event::VerifyFailed { step: 1, attempt: 1, failure: transient(), then };
    let undo = |then| Event::CompensationFailed { step: 0, attempt: 1, failure: transient(), then };
    let done =
        |by| Event::StepCompleted { step: 0, attempt: 1, by, output: Payload::from(b"secret".as_slice()) };
    let begun = |cause| Event::CompensationStarted { cause: Box::new(cause), plan: plan() };
    let stuck = |reason| Event::Stuck { reason: Box::new(reason) };
    let not_undone =
        r#"{"v":1,"type":"ended","state":"failed","not_undone":[{"step":"charge","reason":"why"}]}"#;
    let mut events = vec![
        Event::Claimed { worker: WorkerId::new() },
        Event::Released { until: None },
        Event::Released { until: Some(Timestamp::from_micros(1_800_000_000_000_000)) },
        Event::StepStarted { step: 0, attempt: 1 },
        done(By::Execution),
        done(By::Verification),
        done(by()),
        failed(transient(), retry()),
        failed(doubt(), retry()),
        failed(transient(), Then::GiveUp),
        failed(business(), Then::GiveUp),
        failed(doubt(), Then::GiveUp),
        Event::StepAbsent { step: 1 },
        verify(retry()),
        verify(Then::GiveUp),
        Event::CancelRequested { reason: "she has left".to_owned() },
        Event::DeadlinePassed { dropped: vec![] },
        Event::DeadlinePassed { dropped: vec![0, 1] },
        Event::RequestRefused { request: "cancel".into(), reason: "past the pivot".into() },
        begun(Cause::StepFailed { failure: *business() }),
        begun(Cause::Cancelled { reason: "she has left".to_owned() }),
        begun(Cause::TimedOut),
        Event::StepCompensated { step: 0, attempt: 1, by: By::Execution },
        Event::StepCompensated { step: 0, attempt: 0, by: by() },
        undo(retry()),
        undo(Then::GiveUp),
        stuck(StuckReason::UndoFailed { failure: *transient() }),
        stuck(StuckReason::PivotInDoubt { step: "charge".to_owned() }),
        Event::Resumed,
        Event::Abandoned { note: "settled".to_owned() },
        Event::decode(not_undone, Payload::EMPTY).unwrap(),
    ];
    let ends = [SagaState::Completed, SagaState::Compensated, SagaState::Cancelled, SagaState::TimedOut];
    events.extend(ends.map(|state| Event::Ended { state, not_undone: Vec::new() }));
    events
}

/// Whether all that a coordinator's broker is to get is there.
async fn caught_up(coordinator: &Coordinator) {
    let behind = async || {
        let cursors = coordinator.publisher_cursors().await.unwrap();
        cursors.is_empty() || cursors.iter().any(|cursor| cursor.behind > 0)
    };
    timeout(minutes(10), async {
        while behind().await {
            sleep(secs(1)).await;
        }
    })
    .await
    .expect("the publisher catches up");
}

#[tokio::test(start_paused = true)]
async fn events_of_every_type_keep_the_published_schema() {
    let store = Arc::new(MemoryStore::new());
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let started = SagaStarted {
        definition: Cow::Borrowed("payment"),
        version: 3,
        fingerprint: "0".parse().unwrap(),
        codec: Cow::Borrowed("json"),
        labels: Labels::from([("traceparent".to_owned(), traceparent.to_owned())]),
        key: Some("request-17".to_owned()),
        start_at: Timestamp::from_micros(1),
        deadline: Some(Timestamp::from_micros(1_800_000_000_000_000)),
        owner: None,
        input: Payload::from(b"secret".as_slice()),
    };
    let mut events = vec![Event::SagaStarted(Box::new(started))];
    events.extend(all_kinds());
    let saga = SagaId::new();
    let count = events.len();
    let head = Some(HeadChange { state: SagaState::Completed, owner: None, wake_at: None });
    let append = Append { saga, expected: 0, events, head, answered: None };
    store.append_one(&append).await.unwrap().unwrap();
    let broker = FakeBroker::new();
    let builder = Coordinator::builder_shared(store).publish("all", broker.clone(), EventFilter::all());
    let coordinator = builder.build().await.unwrap();
    caught_up(&coordinator).await;

    let schema = schema();
    let published = broker.events();
    assert_eq!(published.len(), count);
    let mut types = BTreeSet::new();
    for (event, sequence) in published.iter().zip(0..) {
        let json = check(&schema, &event.json);
        assert_eq!(
            (json["id"].as_str().unwrap(), event.sequence),
            (format!("{saga}-{sequence}").as_str(), sequence)
        );
        assert_eq!(json["type"], event.event_type.as_str());
        assert_eq!(
            (json["definition"].as_str(), json["definition_version"].as_u64()),
            (Some("payment"), Some(3))
        );
        assert_eq!((json["trace"].as_str(), event.trace.as_deref()), (Some(traceparent), Some(traceparent)));
        assert!(!event.json.contains("secret"), "a payload is published: {}", event.json);
        types.insert(event.event_type);
    }
    assert_eq!(types, EventType::ALL.into_iter().collect());
    // What a schema allows that takes anything, it would allow of an event without a saga too.
    assert!(!schema.is_valid(&serde_json::json!({"v": 1, "type": "claimed"})));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_here_is_what_is_published() {
    let journey = Journey::default().with("room", Mood::Busy(1)).with("car", Mood::Refuses);
    let broker = FakeBroker::new();
    let builder = Coordinator::builder(MemoryStore::new()).saga(journey);
    let coordinator = builder.publish("all", broker.clone(), EventFilter::all()).build().await.unwrap();
    let mut subscription = coordinator.subscribe(EventFilter::all());
    let options = StartOptions::new().label("customer", "c-17").key("k");
    let handle = coordinator.start_with::<Journey>(1, options).await.unwrap();
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Compensated);
    caught_up(&coordinator).await;
    // The subscription ends with the last of them.
    drop((coordinator, handle));
    let schema = schema();
    let mut told = Vec::new();
    while let Some(event) = subscription.next().await {
        let json = event.unwrap().to_json();
        assert_eq!(check(&schema, &json)["labels"]["customer"], "c-17");
        told.push(json);
    }
    let published: Vec<String> = broker.events().into_iter().map(|event| event.json).collect();
    assert_eq!(told, published);
    let types: Vec<Value> =
        told.iter().map(|json| serde_json::from_str::<Value>(json).unwrap()["type"].clone()).collect();
    assert_eq!(
        types,
        [
            "saga_started",
            "step_completed",
            "step_retry_scheduled",
            "step_completed",
            "step_failed",
            "compensation_started",
            "step_compensated",
            "step_compensated",
            "saga_compensated"
        ]
    );
    let failed: Value = serde_json::from_str(&told[4]).unwrap();
    assert_eq!((failed["step"].as_str(), failed["step_index"].as_u64()), (Some("car"), Some(2)));
    assert_eq!(failed["error"]["kind"], "business");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_panics_or_hangs_holds_no_saga_up_and_is_counted() {
    let coordinator =
        Coordinator::builder(MemoryStore::new()).saga(Journey::default()).build().await.unwrap();
    let completed = || EventFilter::all().event_type(EventType::StepCompleted);
    coordinator.on_event(completed(), "moody", |event| async move {
        match event.step.as_deref() {
            Some("flight") => Err("no flights"),
            Some("room") => panic!("no rooms"),
            _ => Ok(()),
        }
    });
    coordinator.on_event(EventFilter::all(), "hanging", |_| pending::<Result<(), &str>>());
    for _ in 0..200 {
        let handle = coordinator.start::<Journey>(1).await.unwrap();
        let outcome = timeout(secs(1), handle.outcome()).await.expect("a handler holds it up").unwrap();
        assert!(matches!(outcome, Outcome::Completed(_)), "{outcome}");
    }
    sleep(secs(1)).await;
    let handlers = coordinator.handlers();
    let [moody, hanging] = handlers.as_slice() else { panic!("{handlers:?}") };
    assert_eq!((moody.name.as_str(), moody.missed), ("moody", 0));
    assert_eq!((moody.handled, moody.failed), (400, 400));
    assert_eq!((hanging.name.as_str(), hanging.handled, hanging.failed), ("hanging", 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_too_slow_is_told_how_many_events_it_missed() {
    let coordinator =
        Coordinator::builder(MemoryStore::new()).saga(Journey::default()).build().await.unwrap();
    coordinator.on_event(EventFilter::all(), "slow", |_| async {
        sleep(minutes(1)).await;
        Ok::<_, &str>(())
    });
    // Six events each.
    for _ in 0..200 {
        coordinator.start::<Journey>(1).await.unwrap().outcome().await.unwrap();
    }
    sleep(minutes(1_300)).await;
    let slow = &coordinator.handlers()[0];
    assert_eq!(slow.handled + slow.missed, 1_200);
    assert!(slow.missed > 0, "{slow:?}");
}
