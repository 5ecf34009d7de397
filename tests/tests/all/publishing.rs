//! Publishers: every event reaches the broker, each saga's in order, whatever dies or fails on the way.

use std::sync::Arc;
use std::time::Duration;

use saga::policy::{hours, minutes, secs};
use saga::store::BoxFuture;
use saga::testing::{BrokerFault, FakeBroker, Fault, Faults, FaultyStore, Harm, Moment};
use saga::{
    BuildError, Coordinator, CoordinatorBuilder, Delivery, EventFilter, EventType, MemoryStore,
    OutgoingEvent, Publisher, SagaFilter, SagaState, StartOptions, Store, StoreError,
};
use saga_tests::BACKENDS;
use saga_tests::journey::Journey;
use saga_tests::services::Mood;
use tokio::time::{Instant, sleep, timeout};

fn over(store: Arc<dyn Store>, journey: &Journey, broker: &FakeBroker) -> CoordinatorBuilder {
    Coordinator::builder_shared(store).saga(journey.clone()).publish(
        "orders",
        broker.clone(),
        EventFilter::all(),
    )
}

/// Returns once all sagas have ended and all their events are dealt with.
async fn settled(coordinator: &Coordinator) {
    let is_settled = async || -> Result<bool, StoreError> {
        let cursors = coordinator.publisher_cursors().await?;
        let sagas = coordinator.list(SagaFilter::new().limit(1_000)).await?.sagas;
        Ok(sagas.iter().all(|saga| saga.state.is_ended())
            && cursors.iter().any(|cursor| cursor.name == "orders" && cursor.behind == 0))
    };
    let settling = async {
        while !is_settled().await.unwrap_or(false) {
            sleep(secs(1)).await;
        }
    };
    if timeout(hours(1), settling).await.is_err() {
        let (cursors, status) = (coordinator.publisher_cursors().await, coordinator.publishers());
        panic!("the publisher doesn't catch up: {cursors:?}, {status:?}");
    }
}

/// A few sagas: one that goes well, one that is undone, one that begins later.
async fn start_some(coordinator: &Coordinator) {
    // A start that got no answer may have been recorded all the same.
    _ = coordinator.start::<Journey>(1).await;
    _ = coordinator.start::<Journey>(2).await;
    _ = coordinator.start_with::<Journey>(3, StartOptions::new().delay(secs(20))).await;
}

#[tokio::test(start_paused = true)]
async fn every_backend_publishes_all_events_in_order_across_restarts() {
    for backend in BACKENDS {
        let (open, broker) = ((backend.fresh)(), FakeBroker::new());
        let journey = Journey::default().with("car", Mood::Busy(2));
        for _ in 0..2 {
            let coordinator = over(open().await.unwrap(), &journey, &broker).build().await.unwrap();
            start_some(&coordinator).await;
            settled(&coordinator).await;
            let status = coordinator.publishers();
            assert!(status[0].is_leading && status[0].put_off == 0, "{status:?}");
            coordinator.shutdown().await;
        }
        let store = open().await.unwrap();
        broker.check_complete(&*store).await.unwrap_or_else(|error| panic!("{}: {error}", backend.name));
        // Nothing came twice, for nothing went wrong.
        let ids: std::collections::HashSet<String> =
            broker.events().into_iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), broker.events().len(), "{}", backend.name);
    }
}

/// A run with this fault, and a second process that goes on, where the first one died; what the first one called.
async fn with_fault(fault: Option<Fault>) -> Vec<String> {
    let (kept, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new());
    let faults = Faults::planned(fault);
    let store: Arc<dyn Store> = Arc::new(FaultyStore::new(kept.clone(), faults.clone()));
    let journey = Journey::default().with("car", Mood::Busy(1));
    let first = over(store, &journey, &broker);
    let living = async {
        let coordinator = first.build().await?;
        start_some(&coordinator).await;
        settled(&coordinator).await;
        Ok::<_, BuildError>(coordinator)
    };
    // A dead process gets no answers, and stays where it is.
    let first = timeout(minutes(5), living).await;
    let calls = faults.calls().into_iter().map(|call| call.text).collect();
    drop(first);
    let second = over(kept.clone(), &journey, &broker).build().await.unwrap();
    settled(&second).await;
    if let Err(error) = broker.check_complete(&*kept).await {
        panic!("{fault:?}: {error}");
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn no_event_is_lost_or_out_of_order_whatever_call_of_the_store_fails_or_is_the_last() {
    let calls = with_fault(None).await;
    for told in ["lease the cursor", "advance the cursor", "read events", "read dead letters", "append"] {
        assert!(calls.iter().any(|call| call.starts_with(told)), "{told}: {calls:?}");
    }
    // That is how this test sees whether all is done.
    let counts = |call: &usize| calls[*call] != "read the cursors";
    for call in (0..calls.len()).filter(counts) {
        for moment in [Moment::Before, Moment::After] {
            for harm in [Harm::Death, Harm::Unavailable] {
                with_fault(Some(Fault { call, moment, harm })).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_event_is_lost_or_out_of_order_whatever_call_of_the_broker_fails() {
    use BrokerFault::{AnswerLost, HalfTaken, Hang, Later, Panic};
    let run = async |faults: Vec<(usize, BrokerFault)>| {
        let (kept, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new().failing(faults.clone()));
        let journey = Journey::default().with("car", Mood::Busy(1));
        let coordinator = over(kept.clone(), &journey, &broker).build().await.unwrap();
        start_some(&coordinator).await;
        settled(&coordinator).await;
        if let Err(error) = broker.check_complete(&*kept).await {
            panic!("{faults:?}: {error}");
        }
        let status = coordinator.publishers().remove(0);
        assert_eq!(status.put_off > 0, !faults.is_empty(), "{faults:?}: {status:?}");
        assert_eq!(status.last_error, None, "{faults:?}");
        broker.calls()
    };
    let calls = run(vec![]).await;
    assert!(calls > 5, "{calls}");
    for call in 0..calls {
        for fault in [Later, HalfTaken, AnswerLost, Hang, Panic] {
            run(vec![(call, fault)]).await;
        }
    }
    // Down for three quarters of an hour: nothing is given up.
    run((0..90).map(|call| (call, Later)).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_refuses_is_a_dead_letter_that_can_be_sent_again_and_holds_nothing_up() {
    let (store, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new());
    let coordinator = over(store.clone(), &Journey::default(), &broker).build().await.unwrap();
    let handle = coordinator.start_with::<Journey>(1, StartOptions::new().delay(secs(5))).await.unwrap();
    let id = format!("{}-2", handle.id());
    broker.refuse(&id);
    settled(&coordinator).await;
    let sequences = broker.sequences().remove(&handle.id().to_string()).unwrap();
    assert_eq!(sequences, [0, 1, 3, 4, 5, 6]);
    let letters = coordinator.dead_letters("orders", 0, 10).await.unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((letter.saga, letter.reason.as_str()), (handle.id(), "the test doesn't want it"));
    assert!(letter.event.contains(&id), "{}", letter.event);
    assert_eq!(coordinator.publishers()[0].refused, 1);

    // Refused again, it stays; taken, it goes.
    assert!(coordinator.resend(letter).await.unwrap());
    sleep(secs(5)).await;
    let again = coordinator.dead_letters("orders", 0, 10).await.unwrap().remove(0);
    assert!(!again.is_to_resend && again.refused_at > letter.refused_at, "{again:?}");
    broker.forgive();
    assert!(coordinator.resend(&again).await.unwrap());
    sleep(secs(5)).await;
    assert_eq!(coordinator.dead_letters("orders", 0, 10).await.unwrap(), []);
    let last = broker.events().pop().unwrap();
    assert_eq!((last.id, last.json, last.sequence), (id, letter.event.clone(), 2));
    assert!(!coordinator.resend(letter).await.unwrap());
    assert!(!coordinator.dismiss(letter).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_process_of_a_fleet_publishes_and_another_takes_over_when_it_dies() {
    let (kept, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new());
    let faults = Faults::none();
    let dying: Arc<dyn Store> = Arc::new(FaultyStore::new(kept.clone(), faults.clone()));
    let journey = Journey::default();
    let first = over(dying, &journey, &broker).build().await.unwrap();
    sleep(secs(1)).await;
    let second = over(kept.clone(), &journey, &broker).build().await.unwrap();
    start_some(&second).await;
    settled(&second).await;
    assert!(first.publishers()[0].is_leading && !second.publishers()[0].is_leading);
    assert_eq!(second.publishers()[0].published, 0);
    let holder = second.publisher_cursors().await.unwrap()[0].holder;
    assert_eq!(holder, Some(first.worker()));

    faults.fail_next("read events", Moment::Before, Harm::Death);
    start_some(&second).await;
    settled(&second).await;
    assert!(second.publishers()[0].is_leading);
    broker.check_complete(&*kept).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_out_what_is_not_wanted_and_the_cursor_passes_it() {
    let (store, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new());
    let wanted = EventFilter::all().event_type(EventType::SagaCompleted).label("tenant", "gold");
    let builder = Coordinator::builder_shared(store).saga(Journey::default());
    let coordinator = builder.publish("orders", broker.clone(), wanted).build().await.unwrap();
    coordinator.start::<Journey>(1).await.unwrap();
    let gold = StartOptions::new().label("tenant", "gold");
    let handle = coordinator.start_with::<Journey>(1, gold).await.unwrap();
    settled(&coordinator).await;
    let ids: Vec<String> = broker.events().into_iter().map(|event| event.id).collect();
    assert_eq!(ids, [format!("{}-5", handle.id())]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_no_ended_sagas_keeps_them_until_they_are_published() {
    let (store, broker) = (Arc::new(MemoryStore::new().keep_ended(0)), FakeBroker::new());
    // Nothing is taken for some minutes.
    let broker = broker.failing((0..12).map(|call| (call, BrokerFault::Later)));
    let coordinator = over(store.clone(), &Journey::default(), &broker).build().await.unwrap();
    sleep(secs(1)).await;
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    handle.outcome().await.unwrap();
    assert!(coordinator.instance(handle.id()).await.unwrap().is_some());
    settled(&coordinator).await;
    assert_eq!(coordinator.instance(handle.id()).await.unwrap(), None);
    assert_eq!(broker.sequences()[&handle.id().to_string()], [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_publishes_what_is_left_and_frees_the_cursor() {
    let (kept, broker) = (Arc::new(MemoryStore::new()), FakeBroker::new());
    let coordinator = over(kept.clone(), &Journey::default(), &broker).build().await.unwrap();
    coordinator.start::<Journey>(1).await.unwrap();
    coordinator.shutdown().await;
    broker.check_complete(&*kept).await.unwrap();
    assert_eq!(broker.events().len(), 6);
    let cursors = coordinator.publisher_cursors().await.unwrap();
    assert_eq!((cursors[0].behind, cursors[0].holder), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_never_answers_holds_no_shutdown_beyond_its_limit() {
    let broker = FakeBroker::new().failing((0..1_000).map(|call| (call, BrokerFault::Hang)));
    let builder = over(Arc::new(MemoryStore::new()), &Journey::default(), &broker);
    let coordinator = builder.shutdown_timeout(secs(10)).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    handle.outcome().await.unwrap();
    let begun = Instant::now();
    coordinator.shutdown().await;
    assert!(begun.elapsed() <= Duration::from_secs(11), "{:?}", begun.elapsed());
    assert_eq!(coordinator.publisher_cursors().await.unwrap()[0].holder, None);
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Completed);
}

/// A publisher that answers too little.
struct Silent;

impl Publisher for Silent {
    fn publish<'a>(&'a self, _: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(async { Vec::new() })
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_answer_is_not_passed_and_lag_is_told() {
    let builder = Coordinator::builder(MemoryStore::new()).saga(Journey::default());
    let coordinator = builder.publish("orders", Silent, EventFilter::all()).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    handle.outcome().await.unwrap();
    sleep(minutes(2)).await;
    let status = coordinator.publishers().remove(0);
    assert!(status.put_off > 3 && status.published == 0, "{status:?}");
    assert_eq!(status.last_error.as_deref(), Some("the publisher gave no answer for it"));
    let cursor = coordinator.publisher_cursors().await.unwrap().remove(0);
    let created_at = coordinator.instance(handle.id()).await.unwrap().unwrap().created_at;
    assert_eq!((cursor.position, cursor.behind, cursor.oldest_at), (0, 6, Some(created_at)));
}

#[tokio::test]
async fn names_that_no_cursor_can_have_are_refused() {
    let builder = || Coordinator::builder(MemoryStore::new());
    let publish = |builder: CoordinatorBuilder, name: &str| builder.publish(name, Silent, EventFilter::all());
    let error = publish(publish(builder(), "a"), "a").build().await.unwrap_err();
    assert!(matches!(error, BuildError::DuplicatePublisher { .. }), "{error}");
    for name in ["", "a\nb", &"x".repeat(101)] {
        let error = publish(builder(), name).build().await.unwrap_err();
        assert!(matches!(error, BuildError::PublisherName { .. }), "{error}");
    }
}
