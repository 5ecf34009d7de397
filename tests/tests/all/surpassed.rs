//! What other saga coordinators get wrong, each as a test of what ours does.

use std::sync::Arc;
use std::time::Duration;

use saga::machine::StuckReason;
use saga::policy::{
    best_effort, days, exponential, fixed, hours, millis, minutes, no_retry, parallel, secs, sequential,
};
use saga::testing::{Faults, FaultyStore, Harm, Ledger, Moment};
use saga::{
    Coordinator, CoordinatorBuilder, FailureKind, MemoryStore, Metrics, Outcome, SagaFilter, SagaHandle,
    SagaState, StartError, Store,
};
use saga_tests::journey::Journey;
use saga_tests::order::{OrderProcessing, OrderRequest};
use saga_tests::services::Mood;
use saga_tests::{lawful_journal, watched_memory};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

fn well() -> Journey {
    Journey::new(&Ledger::new())
}

fn over_memory(journey: &Journey) -> CoordinatorBuilder {
    Coordinator::builder(watched_memory()).saga(journey.clone())
}

/// How the saga ends, and that its journal keeps all rules.
async fn outcome(coordinator: &Coordinator, handle: &SagaHandle<Journey>) -> Outcome<String> {
    let outcome = timeout(days(1), handle.outcome()).await.expect("the saga is lost").unwrap();
    lawful_journal::<Journey>(coordinator, handle.id()).await;
    outcome
}

/// The calls of the steps and their undos, without what these noted.
fn calls(journey: &Journey) -> Vec<String> {
    journey.said().into_iter().filter(|said| !said.contains('{')).collect()
}

/// A worker dies at an append that begins so; another, with these services, takes its saga up. What that one calls.
async fn taken_over(first: Journey, second: Journey, append: &'static str) -> (Journey, Outcome<String>) {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let dying = Coordinator::builder(store).saga(first).build().await.unwrap();
    faults.fail_next(append, Moment::Before, Harm::Death);
    let saga = dying.start::<Journey>(7).await.unwrap().id();
    faults.died().await;
    let taking = Coordinator::builder_shared(memory).saga(second.clone()).build().await.unwrap();
    let outcome = outcome(&taking, &taking.handle(saga)).await;
    assert_eq!(taking.metrics().claims, 1);
    (second, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_crash_going_forward_is_resumed_exactly_where_it_stood() {
    let (second, outcome) = taken_over(well(), well(), "append at 3: step_completed").await;
    assert_eq!(outcome, Outcome::Completed("7 70 S-AG-70".to_owned()));
    assert_eq!(calls(&second), ["car", "pay"], "what is recorded is not run again, what is not is");
}

/// The first undo is recorded, the second is not: nobody claims that it is, and only that and what follows is run.
/// What it gets is its own step's output, as the journal has it.
#[tokio::test(start_paused = true)]
async fn a_crash_between_two_compensations_is_resumed_exactly_where_it_stood() {
    let (first, second) = (well().with("pay", Mood::Refuses), well());
    let (second, outcome) = taken_over(first, second, "append at 7: step_compensated").await;
    assert_eq!(outcome.state(), SagaState::Compensated, "{outcome}");
    let resumed = ["Room { floor: 70 }", "undo room", "Seat { row: 7 }", "undo flight"];
    assert_eq!(second.said(), resumed);
}

#[tokio::test(start_paused = true)]
async fn of_two_coordinators_with_one_saga_the_stale_ones_write_is_refused() {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let (stale, current) =
        (well().with("room", Mood::Slow(secs(10))), well().with("room", Mood::Slow(secs(30))));
    let builder = Coordinator::builder(store).saga(stale.clone()).poll_interval(hours(1));
    let first = builder.build().await.unwrap();
    let at_first = first.start::<Journey>(1).await.unwrap();
    // Its machine slept, say: its lease is over, and it doesn't know.
    memory.retire(first.worker()).await.unwrap();
    let second = Coordinator::builder_shared(memory).saga(current.clone()).build().await.unwrap();
    let at_second = second.handle::<Journey>(at_first.id());
    sleep(secs(5)).await;
    first.cancel(at_first.id(), "the first wants it cancelled").await.unwrap();
    let outcome = outcome(&second, &at_second).await;
    assert_eq!(at_first.outcome().await.unwrap(), outcome, "both tell of one end");
    assert_eq!(calls(&stale), ["flight", "room"], "the stale owner stops where its write was refused");
    assert_eq!(calls(&current)[0], "room");
    let refused = |call: &saga::testing::Call| call.text.starts_with("append at 2") && !call.is_effective;
    assert!(faults.calls().iter().any(refused), "{:?}", faults.calls());
    let journal = lawful_journal::<Journey>(&second, at_first.id()).await;
    assert_eq!(journal.iter().filter(|record| record.event.kind() == "ended").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_saga_timeout_undoes_everything_on_a_budget_of_its_own() {
    let journey = well().with("car", Mood::Busy(1_000)).with("undo room", Mood::Slow(secs(20)));
    let builder = over_memory(&journey).saga_timeout(secs(10)).retry(fixed(1_000, secs(3)).jitter(0.0));
    let coordinator = builder.build().await.unwrap();
    let began = Instant::now();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let outcome = outcome(&coordinator, &handle).await;
    assert!(matches!(outcome, Outcome::TimedOut(_)), "{outcome}");
    assert_eq!(calls(&journey)[calls(&journey).len() - 2..], ["undo room", "undo flight"]);
    // The undo took longer than the saga might.
    assert!((secs(30)..secs(31)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_saga_timeout_drops_is_in_doubt_and_said_to_be() {
    let journey = well().with("car", Mood::Slow(secs(50)));
    let coordinator = over_memory(&journey).saga_timeout(secs(10)).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let Outcome::Failed(failed) = outcome(&coordinator, &handle).await else { panic!("not failed") };
    let left: Vec<_> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
    assert_eq!(
        (left, calls(&journey)),
        (vec!["car"], ["flight", "room", "car", "undo room", "undo flight"].map(String::from).to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn parallel_compensation_runs_at_the_same_time() {
    let slow = Mood::Slow(secs(1));
    let journey = well().with("pay", Mood::Refuses);
    let journey = journey.with("undo flight", slow).with("undo room", slow).with("undo car", slow);
    let coordinator = over_memory(&journey).compensation(parallel(secs(30))).build().await.unwrap();
    let began = Instant::now();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(outcome(&coordinator, &handle).await.state(), SagaState::Compensated);
    assert_eq!(began.elapsed(), secs(1), "three undos of a second each take one");
    assert_eq!(journey.running_max(), 3);
}

#[tokio::test(start_paused = true)]
async fn sequential_compensation_stops_at_a_failed_undo_and_parks_the_saga() {
    let journey = well().with("pay", Mood::Refuses).with("undo room", Mood::Refuses);
    let coordinator = over_memory(&journey).compensation(sequential(secs(30))).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let Outcome::Stuck(StuckReason::UndoFailed { failure }) = outcome(&coordinator, &handle).await else {
        panic!("not parked")
    };
    assert_eq!((failure.step.as_str(), failure.code.as_deref()), ("room", Some("REFUSED")));
    assert_eq!(calls(&journey)[4..], ["undo car", "undo room"]);
    assert!(journey.world.stands(handle.id(), "flight"));
}

#[tokio::test(start_paused = true)]
async fn best_effort_compensation_goes_on_after_a_failed_undo_and_reports_it() {
    let journey = well().with("pay", Mood::Refuses).with("undo room", Mood::Refuses);
    let coordinator = over_memory(&journey).compensation(best_effort(secs(30))).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let Outcome::Failed(failed) = outcome(&coordinator, &handle).await else { panic!("not failed") };
    let left: Vec<_> =
        failed.not_undone.iter().map(|left| (left.step.as_str(), left.reason.as_str())).collect();
    assert_eq!(left, [("room", "its undo failed: refused")]);
    assert_eq!(calls(&journey)[4..], ["undo car", "undo room", "undo flight"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_returns_an_id_at_once_also_of_a_saga_that_will_fail() {
    let journey = well().with("flight", Mood::Slow(secs(50))).with("pay", Mood::Refuses);
    let coordinator = over_memory(&journey).build().await.unwrap();
    let began = Instant::now();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let recorded = coordinator.instance(handle.id()).await.unwrap().unwrap();
    assert_eq!(recorded.state, SagaState::Running);
    assert_eq!(outcome(&coordinator, &handle).await.state(), SagaState::Compensated);
}

#[tokio::test(start_paused = true)]
async fn a_business_error_is_never_retried_and_reaches_the_caller_with_type_code_and_message() {
    let shop = OrderProcessing::default().with("process_payment", Mood::Refuses);
    let coordinator = Coordinator::builder(watched_memory()).saga(shop.clone()).build().await.unwrap();
    let handle = coordinator.start::<OrderProcessing>(OrderRequest { total_amount: 1_200 }).await.unwrap();
    let told = handle.outcome().await.unwrap();
    let recorded = coordinator.handle::<OrderProcessing>(handle.id()).outcome().await.unwrap();
    for outcome in [told, recorded] {
        let Outcome::Compensated(failure) = outcome else { panic!("not compensated") };
        assert_eq!((failure.step.as_str(), failure.attempts), ("process_payment", 1));
        assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Business, Some("CARD_DECLINED")));
        assert_eq!(failure.error_type, "saga_tests::order::PaymentError");
        assert_eq!(failure.message, "card declined: no funds");
    }
    assert_eq!(shop.said().iter().filter(|call| *call == "process_payment").count(), 1);
    lawful_journal::<OrderProcessing>(&coordinator, handle.id()).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_lets_the_running_step_end_and_undoes_that_too() {
    let journey = well().with("car", Mood::Slow(secs(5)));
    let coordinator = over_memory(&journey).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    sleep(secs(1)).await;
    coordinator.cancel(handle.id(), "changed my mind").await.unwrap();
    let Outcome::Cancelled(cancelled) = outcome(&coordinator, &handle).await else { panic!("not cancelled") };
    assert_eq!(cancelled.reason, "changed my mind");
    assert_eq!(calls(&journey), ["flight", "room", "car", "undo car", "undo room", "undo flight"]);
    for step in ["flight", "room", "car", "pay"] {
        assert!(!journey.world.stands(handle.id(), step), "`{step}` stands");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_two_never_lets_three_run_whichever_way_they_end() {
    let journey = well().with("flight", Mood::Slow(secs(1)));
    let builder = over_memory(&journey).max_concurrent_sagas(2).acquire_timeout(hours(1)).retry(no_retry());
    let coordinator = builder.saga_timeout(secs(10)).build().await.unwrap();
    for (step, mood, expected) in [
        ("pay", Mood::Refuses, SagaState::Compensated),
        ("car", Mood::Panics, SagaState::Failed),
        ("car", Mood::Slow(secs(20)), SagaState::Failed),
        ("undo room", Mood::Refuses, SagaState::Stuck),
        ("undo room", Mood::Well, SagaState::Compensated),
        ("pay", Mood::Well, SagaState::Completed),
        ("room", Mood::Slow(secs(1)), SagaState::Cancelled),
    ] {
        journey.feel("car", Mood::Well);
        journey.feel(step, mood);
        let mut sagas = JoinSet::new();
        for _ in 0..6 {
            let coordinator = coordinator.clone();
            sagas.spawn(async move {
                let handle = coordinator.start::<Journey>(1).await.unwrap();
                if expected == SagaState::Cancelled {
                    coordinator.cancel(handle.id(), "enough").await.unwrap();
                }
                let state = outcome(&coordinator, &handle).await.state();
                assert_eq!(state, expected);
            });
        }
        while let Some(ended) = sagas.join_next().await {
            ended.unwrap();
        }
        assert_eq!(journey.running_max(), 2, "after {expected}");
    }
    assert_eq!(coordinator.metrics().sagas_active, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_within_its_limit_hands_the_rest_over_and_tells_those_who_wait() {
    let store: Arc<dyn Store> = Arc::new(watched_memory());
    let journey = well().with("flight", Mood::Slow(secs(2)));
    let builder =
        Coordinator::builder_shared(Arc::clone(&store)).saga(journey.clone()).max_concurrent_sagas(2);
    let coordinator = builder.acquire_timeout(hours(1)).shutdown_timeout(secs(5)).build().await.unwrap();
    let quick = coordinator.start::<Journey>(1).await.unwrap();
    sleep(millis(1)).await;
    journey.feel("flight", Mood::Slow(secs(50)));
    let slow = coordinator.start::<Journey>(1).await.unwrap();
    let queued = tokio::spawn({
        let coordinator = coordinator.clone();
        async move { coordinator.start::<Journey>(1).await.map(|handle| handle.id()) }
    });
    sleep(millis(1)).await;
    let began = Instant::now();
    let report = coordinator.shutdown().await;
    assert!((secs(5)..secs(6)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!((report.drained, report.handed_over), (1, 1));
    assert!(matches!(queued.await.unwrap(), Err(StartError::ShuttingDown)));
    assert_eq!(outcome(&coordinator, &quick).await.state(), SagaState::Completed);

    let next = Coordinator::builder_shared(store).saga(well()).build().await.unwrap();
    assert_eq!(outcome(&next, &next.handle(slow.id())).await.state(), SagaState::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_first_backoff_is_the_base_and_none_is_longer_than_the_maximum() {
    let journey = well().with("car", Mood::Busy(4));
    let policy = exponential(4, secs(1), secs(3)).jitter(0.0);
    let coordinator = over_memory(&journey).retry(policy).build().await.unwrap();
    let began = Instant::now();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(outcome(&coordinator, &handle).await.state(), SagaState::Completed);
    let took = began.elapsed();
    assert!((secs(9)..secs(9) + millis(10)).contains(&took), "1 + 2 + 3 + 3 seconds: {took:?}");
    for seed in 0..1_000 {
        let jittered = exponential(100, secs(1), secs(3)).seed(seed);
        assert!((0..100).all(|k| (millis(750)..=secs(3)).contains(&jittered.delay_jittered(k))));
    }
    let unbounded = exponential(100, days(1), Duration::MAX).jitter(0.0);
    assert!((1..200).all(|k| unbounded.delay(k, 0.5) >= unbounded.delay(k - 1, 0.5)), "it never overflows");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_step_is_caught_and_in_doubt_and_other_sagas_go_on() {
    let journey = well().with("car", Mood::Panics);
    let coordinator = over_memory(&journey).retry(no_retry()).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let Outcome::Failed(failed) = outcome(&coordinator, &handle).await else { panic!("not failed") };
    let Some(saga::Cause::StepFailed { failure }) = failed.cause else { panic!("without a cause") };
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::InDoubt, Some("SAGA_STEP_PANICKED")));
    assert!(failure.message.contains("out of its wits"), "{failure}");
    let left: Vec<_> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
    assert_eq!(left, ["car"], "nobody knows whether the car is booked");
    journey.feel("car", Mood::Well);
    let next = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(outcome(&coordinator, &next).await.state(), SagaState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_compensation_gets_the_typed_output_of_its_own_step() {
    let journey = well().with("pay", Mood::Refuses);
    let coordinator = over_memory(&journey).build().await.unwrap();
    let handle = coordinator.start::<Journey>(7).await.unwrap();
    assert_eq!(outcome(&coordinator, &handle).await.state(), SagaState::Compensated);
    let undone = [
        "Car { plate: \"S-AG-70\" }",
        "undo car",
        "Room { floor: 70 }",
        "undo room",
        "Seat { row: 7 }",
        "undo flight",
    ];
    assert_eq!(journey.said()[4..], undone);
}

/// A run that is counted by hand: each number, and each that must be zero.
#[tokio::test(start_paused = true)]
async fn every_number_of_the_metrics_is_that_of_a_counted_run() {
    let journey = well();
    let builder = over_memory(&journey).retry(fixed(2, secs(30)).jitter(0.0)).saga_timeout(secs(50));
    let builder = builder.compensation(sequential(secs(30)).retry(fixed(1, secs(1)).jitter(0.0)));
    // No pause is so long that the store has the saga meanwhile.
    let coordinator = builder.lease(minutes(10)).build().await.unwrap();
    let run = async |moods: &[(&str, Mood)], state: SagaState| {
        for step in ["flight", "room", "car", "pay", "undo flight", "undo room", "undo car"] {
            journey.feel(step, Mood::Well);
        }
        for (step, mood) in moods {
            journey.feel(step, *mood);
        }
        let handle = coordinator.start::<Journey>(1).await.unwrap();
        if moods.iter().any(|(_, mood)| matches!(mood, Mood::Slow(_))) {
            assert_eq!(coordinator.metrics().sagas_active, 1);
        }
        if state == SagaState::Cancelled {
            coordinator.cancel(handle.id(), "enough").await.unwrap();
        }
        assert_eq!(outcome(&coordinator, &handle).await.state(), state);
        assert_eq!(coordinator.metrics().sagas_active, 0);
        handle.id()
    };
    let mut expected = Metrics::default();
    assert_eq!(coordinator.metrics(), expected);

    // Two that complete, one of them in ten seconds and a pause of thirty.
    run(&[], SagaState::Completed).await;
    run(&[("flight", Mood::Slow(secs(10))), ("car", Mood::Busy(1))], SagaState::Completed).await;
    (expected.sagas_started, expected.sagas_completed, expected.steps_completed) = (2, 2, 8);
    (expected.attempts_transient, expected.retries) = (1, 1);
    expected.saga_duration_total = secs(40);
    expected.appends = 5 + 5 + 1;
    assert_eq!(metrics(&coordinator), expected, "two completed");

    // One that a rule refuses at its last step, one undo of which is busy once, for a second.
    run(&[("pay", Mood::Refuses), ("undo room", Mood::Busy(1))], SagaState::Compensated).await;
    (expected.sagas_started, expected.sagas_compensated, expected.steps_completed) = (3, 1, 11);
    (expected.attempts_business, expected.steps_compensated) = (1, 3);
    (expected.undo_attempts_failed, expected.retries) = (1, 2);
    expected.saga_duration_total += secs(1);
    // The start, three steps, the failure with the turn, the failed undo, and three undos, the last with the end.
    expected.appends += 1 + 3 + 1 + 1 + 3;
    assert_eq!(metrics(&coordinator), expected, "one undone");

    // One that breaks at its first step: the start, and the failure with the end.
    run(&[("flight", Mood::Breaks)], SagaState::Compensated).await;
    (expected.sagas_started, expected.sagas_compensated, expected.attempts_permanent) = (4, 2, 1);
    expected.appends += 2;
    assert_eq!(metrics(&coordinator), expected, "one broken");

    // One that is cancelled in its first step.
    run(&[("flight", Mood::Slow(secs(3)))], SagaState::Cancelled).await;
    (expected.sagas_started, expected.sagas_cancelled) = (5, 1);
    (expected.steps_completed, expected.steps_compensated) = (12, 4);
    expected.saga_duration_total += secs(3);
    // The start, the request, the step that ended with the turn, the undo with the end.
    expected.appends += 1 + 1 + 1 + 1;
    assert_eq!(metrics(&coordinator), expected, "one cancelled");

    // One whose deadline passes in the second pause between two attempts.
    run(&[("car", Mood::Busy(9))], SagaState::TimedOut).await;
    (expected.sagas_started, expected.sagas_timed_out) = (6, 1);
    (expected.steps_completed, expected.steps_compensated) = (14, 6);
    (expected.attempts_transient, expected.retries) = (3, 4);
    expected.saga_duration_total += secs(50);
    // The start, two steps, two attempts, the deadline with the turn, two undos, the last with the end.
    expected.appends += 1 + 2 + 2 + 1 + 2;
    assert_eq!(metrics(&coordinator), expected, "one timed out");

    // The same, but the step is in doubt, and so the saga failed.
    run(&[("car", Mood::Silent)], SagaState::Failed).await;
    (expected.sagas_started, expected.sagas_failed) = (7, 1);
    (expected.steps_completed, expected.steps_compensated) = (16, 8);
    (expected.attempts_in_doubt, expected.retries) = (2, 6);
    expected.saga_duration_total += secs(50);
    expected.appends += 1 + 2 + 2 + 1 + 2;
    assert_eq!(metrics(&coordinator), expected, "one in doubt");

    // One that is parked: the start, three steps, the turn, the failed undo with the parking.
    let saga = run(&[("pay", Mood::Refuses), ("undo car", Mood::Refuses)], SagaState::Stuck).await;
    (expected.sagas_started, expected.sagas_stuck, expected.steps_completed) = (8, 1, 19);
    (expected.attempts_business, expected.undo_attempts_failed) = (2, 2);
    expected.appends += 1 + 3 + 1 + 1;
    assert_eq!(metrics(&coordinator), expected, "one parked");

    // It is taken up again, by a write of the store's own, to record what the operator says, and the end.
    coordinator.abandon(saga, "let it be").await.unwrap();
    let handle = coordinator.handle::<Journey>(saga);
    assert_eq!(outcome(&coordinator, &handle).await.state(), SagaState::Failed);
    (expected.sagas_failed, expected.claims) = (2, 1);
    expected.appends += 2;
    let metrics = metrics(&coordinator);
    expected.saga_duration_total = metrics.saga_duration_total;
    assert_eq!(metrics, expected, "one given up");
    assert_eq!((metrics.sagas_ended(), metrics.saga_duration_mean()), (8, expected.saga_duration_total / 8));
}

/// One append is one commit here: memory has nothing to gain from more.
fn metrics(coordinator: &Coordinator) -> Metrics {
    let mut metrics = coordinator.metrics();
    assert_eq!(metrics.commits, metrics.appends);
    metrics.commits = 0;
    let whole = metrics.saga_duration_total.as_millis();
    metrics.saga_duration_total = millis(u64::try_from(whole).unwrap());
    metrics
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_saga_that_has_ended() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new().keep_ended(0));
    let journey = well();
    let builder = Coordinator::builder_shared(Arc::clone(&store)).saga(journey.clone()).retry(no_retry());
    let coordinator = builder.build().await.unwrap();
    for (step, mood) in
        [("pay", Mood::Well), ("pay", Mood::Refuses), ("car", Mood::Panics), ("room", Mood::Silent)]
    {
        journey.feel(step, mood);
        for _ in 0..20 {
            let handle = coordinator.start::<Journey>(1).await.unwrap();
            let outcome = timeout(minutes(1), handle.outcome()).await.unwrap().unwrap();
            assert!(outcome.state().is_ended());
            assert_eq!(store.instance(handle.id()).await.unwrap(), None);
            assert!(store.load(handle.id()).await.unwrap().is_empty());
        }
    }
    assert!(store.counts().await.unwrap().is_empty());
    assert!(store.list(&SagaFilter::new()).await.unwrap().sagas.is_empty());
    assert_eq!((coordinator.metrics().sagas_ended(), coordinator.health().await.active), (80, 0));
}
