//! The settings and questions of a coordinator, one test each.

use std::sync::Arc;
use std::time::Duration;

use saga::machine::{SagaState, StepStatus, StuckReason};
use saga::policy::{CompensationStrategy, OnUndoFailure, custom, fixed, hours, minutes, no_retry, secs};
use saga::testing::{Faults, FaultyStore, Harm, Ledger, Moment, watched_memory_store};
use saga::{
    Cause, Coordinator, CoordinatorBuilder, EventFilter, FailureKind, InspectError, Missed, OperateError,
    Outcome, OutcomeError, Saga, SagaFilter, SagaId, StartError, StartOptions, StepContext, StepError, saga,
    step,
};
use saga_tests::journey::{Car, Journey, JourneyStep, Room, Seat};
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};
use saga_tests::{lawful_journal, watched_memory};
use tokio::time::{Instant, sleep, timeout};

fn well() -> Journey {
    Journey::new(&Ledger::new())
}

fn over_memory(journey: &Journey) -> CoordinatorBuilder {
    Coordinator::builder(watched_memory()).saga(journey.clone())
}

fn calls(journey: &Journey) -> Vec<String> {
    journey.said().into_iter().filter(|said| !said.contains('{')).collect()
}

/// The flight first, then the rest together; nothing at all for those whose card is refused.
struct FlightFirst {
    leaves_out: Option<&'static str>,
    undoes_refused: bool,
}

impl CompensationStrategy for FlightFirst {
    fn should_compensate(&self, cause: &Cause) -> bool {
        let is_refused =
            matches!(cause, Cause::StepFailed { failure } if failure.code.as_deref() == Some("REFUSED"));
        self.undoes_refused || !is_refused
    }

    fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
        let wanted = done.iter().filter(|step| Some(**step) != self.leaves_out);
        let (first, then): (Vec<&str>, Vec<&str>) = wanted.partition(|step| **step == "flight");
        [first, then].into_iter().map(|stage| stage.into_iter().map(str::to_owned).collect()).collect()
    }

    fn on_undo_failure(&self) -> OnUndoFailure {
        OnUndoFailure::GoOn
    }
}

async fn undone_by(strategy: FlightFirst, journey: &Journey) -> Outcome<String> {
    let coordinator = over_memory(journey).compensation(custom(strategy)).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let outcome = handle.outcome().await.unwrap();
    lawful_journal::<Journey>(&coordinator, handle.id()).await;
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_strategy_of_the_users_own_orders_the_undos() {
    let journey = well().with("pay", Mood::Refuses).with("undo room", Mood::Slow(secs(1)));
    let journey = journey.with("undo car", Mood::Slow(secs(1)));
    let began = Instant::now();
    let outcome = undone_by(FlightFirst { leaves_out: None, undoes_refused: true }, &journey).await;
    assert_eq!(outcome.state(), SagaState::Compensated);
    assert_eq!(calls(&journey)[4], "undo flight");
    assert_eq!(began.elapsed(), secs(1), "those of one stage are undone together");
}

#[tokio::test(start_paused = true)]
async fn what_a_strategy_of_the_users_own_leaves_out_is_reported() {
    let journey = well().with("pay", Mood::Refuses);
    let some = undone_by(FlightFirst { leaves_out: Some("room"), undoes_refused: true }, &journey).await;
    let none = undone_by(FlightFirst { leaves_out: None, undoes_refused: false }, &journey).await;
    for (outcome, expected) in [(some, vec!["room"]), (none, vec!["flight", "room", "car"])] {
        let Outcome::Failed(failed) = outcome else { panic!("not failed: {outcome}") };
        let left: Vec<_> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
        assert_eq!(left, expected);
        assert!(failed.not_undone.iter().all(|left| left.reason == "the compensation strategy left it out"));
    }
    assert_eq!(calls(&journey).iter().filter(|call| call.starts_with("undo")).count(), 2);
}

/// Scans a document of so many pages, and files it.
#[saga(steps(scan -> file))]
struct Archive {
    world: Ledger,
}

#[step(compensate = burn(pages), retry = fixed(3, secs(1)))]
async fn scan(cx: &StepContext<Archive>, pages: &usize) -> Result<String, StepError> {
    cx.world.record(cx);
    Ok("page ".repeat(*pages))
}

/// It doesn't take what `scan` made, so it runs for a scan in doubt too.
async fn burn(cx: &StepContext<Archive>, _pages: &usize) -> Result<(), StepError> {
    cx.world.record(cx);
    Ok(())
}

#[step(compensate = unfile, retry = fixed(3, secs(1)))]
async fn file(cx: &StepContext<Archive>, scanned: &String) -> Result<String, StepError> {
    cx.world.record(cx);
    Ok(format!("{scanned}, filed"))
}

async fn unfile(cx: &StepContext<Archive>, _filed: &String) -> Result<(), StepError> {
    cx.world.record(cx);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_output_over_the_payload_limit_fails_its_step_for_good_and_nothing_is_claimed_of_its_effect() {
    let world = Ledger::new();
    let builder = Coordinator::builder(watched_memory_store([Archive::definition()]))
        .saga(Archive { world: world.clone() });
    let coordinator = builder.payload_limit(55).build().await.unwrap();
    let run = async |pages| {
        let handle = coordinator.start::<Archive>(pages).await.unwrap();
        let outcome = handle.outcome().await.unwrap();
        lawful_journal::<Archive>(&coordinator, handle.id()).await;
        (handle.id(), outcome)
    };
    // The undo of `scan` needs no output: it settles the doubt, and the saga is undone.
    let (saga, outcome) = run(11).await;
    let Outcome::Compensated(failure) = outcome else { panic!("not compensated: {outcome}") };
    assert_eq!((failure.step.as_str(), failure.kind, failure.attempts), ("scan", FailureKind::Permanent, 1));
    let message =
        "`alloc::string::String` takes 57 bytes, the limit is 55: raise `payload_limit` or store a reference";
    assert_eq!(failure.message, message);
    assert!(!world.stands(saga, "scan"));
    // That of `file` does: what it did cannot be undone, and the saga says so.
    let (saga, outcome) = run(10).await;
    let Outcome::Failed(failed) = outcome else { panic!("not failed: {outcome}") };
    let left: Vec<_> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
    assert_eq!(left, ["file"]);
    assert!(world.stands(saga, "file") && !world.stands(saga, "scan"));
    // One that fits.
    assert_eq!(run(5).await.1.state(), SagaState::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_input_over_the_payload_limit_is_refused_and_nothing_is_recorded() {
    let coordinator = over_memory(&well()).payload_limit(3).build().await.unwrap();
    let error = coordinator.start::<Journey>(1_000).await.unwrap_err();
    assert!(matches!(error, StartError::Payload(_)), "{error}");
    assert!(coordinator.list(SagaFilter::new()).await.unwrap().sagas.is_empty());
}

/// A call on a service that is worth a second try only if it says so.
#[saga(steps(call))]
struct Calling;

#[step(compensate = none, retry = fixed(5, secs(1)), retry_if = is_worth_it)]
async fn call(cx: &StepContext<Calling>, limit: &u32) -> Result<u32, StepError> {
    let code = if cx.attempt() < *limit { "AGAIN" } else { "NEVER" };
    Err(StepError::transient("busy").with_code(code))
}

fn is_worth_it(error: &StepError) -> bool {
    error.code() == Some("AGAIN")
}

#[tokio::test(start_paused = true)]
async fn retry_if_ends_the_retries_where_it_says_no() {
    let coordinator = Coordinator::builder(watched_memory_store([Calling::definition()]))
        .saga(Calling)
        .build()
        .await
        .unwrap();
    for (limit, attempts) in [(1, 1), (3, 3), (100, 6)] {
        let outcome = coordinator.start::<Calling>(limit).await.unwrap().outcome().await.unwrap();
        let Outcome::Compensated(failure) = outcome else { panic!("not compensated: {outcome}") };
        assert_eq!(failure.attempts, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_at_the_same_time_than_the_worker_pool_holds() {
    let journey = well().with("flight", Mood::Slow(secs(1))).with("car", Mood::Panics);
    let journey = journey.with("undo room", Mood::Slow(secs(1)));
    let coordinator = over_memory(&journey).worker_pool_size(3).retry(no_retry()).build().await.unwrap();
    let mut handles = Vec::new();
    for _ in 0..12 {
        handles.push(coordinator.start::<Journey>(1).await.unwrap());
    }
    for handle in handles {
        assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Failed);
    }
    assert_eq!(journey.running_max(), 3);
}

/// A long pause holds neither a worker nor a place among the concurrent sagas.
#[tokio::test(start_paused = true)]
async fn a_long_backoff_holds_no_worker_and_no_place() {
    let journey = well().with("car", Mood::Busy(1));
    let builder = over_memory(&journey).max_concurrent_sagas(1).worker_pool_size(1);
    let coordinator = builder.retry(fixed(1, hours(1)).jitter(0.0)).build().await.unwrap();
    let began = Instant::now();
    let waiting = coordinator.start::<Journey>(1).await.unwrap();
    sleep(secs(1)).await;
    journey.feel("car", Mood::Well);
    let other = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(other.outcome().await.unwrap().state(), SagaState::Completed);
    assert!(began.elapsed() < minutes(1));
    assert_eq!(waiting.outcome().await.unwrap().state(), SagaState::Completed);
    assert!((hours(1)..hours(1) + secs(5)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_for_a_place_as_long_as_the_acquire_timeout_and_says_so() {
    let journey = well().with("flight", Mood::Slow(secs(10)));
    let builder = over_memory(&journey).max_concurrent_sagas(1).acquire_timeout(secs(4));
    let coordinator = builder.build().await.unwrap();
    let first = coordinator.start::<Journey>(1).await.unwrap();
    let began = Instant::now();
    let error = coordinator.start::<Journey>(1).await.unwrap_err();
    assert!(matches!(error, StartError::AcquireTimeout { limit: 1, waited } if waited == secs(4)), "{error}");
    assert_eq!(began.elapsed(), secs(4));
    sleep(secs(3)).await;
    let third = coordinator.start::<Journey>(1).await.unwrap();
    assert_eq!(began.elapsed(), secs(10), "it had the place as soon as that was free");
    assert_eq!(first.outcome().await.unwrap().state(), SagaState::Completed);
    assert_eq!(third.outcome().await.unwrap().state(), SagaState::Completed);
    assert_eq!(
        coordinator.list(SagaFilter::new()).await.unwrap().sagas.len(),
        2,
        "nothing is recorded of the second"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delayed_saga_is_pending_until_its_time_and_can_be_cancelled_before() {
    let journey = well();
    let coordinator = over_memory(&journey).build().await.unwrap();
    let delayed = || StartOptions::new().delay(hours(1));
    let first = coordinator.start_with::<Journey>(1, delayed()).await.unwrap();
    let second = coordinator.start_with::<Journey>(1, delayed()).await.unwrap();
    sleep(minutes(59)).await;
    assert_eq!(coordinator.instance(first.id()).await.unwrap().unwrap().state, SagaState::Pending);
    coordinator.cancel(second.id(), "not needed").await.unwrap();
    assert_eq!(second.outcome().await.unwrap().state(), SagaState::Cancelled);
    assert_eq!(calls(&journey), [""; 0]);
    assert_eq!(first.outcome().await.unwrap().state(), SagaState::Completed);
    assert_eq!(calls(&journey), ["flight", "room", "car", "pay"], "just once");
}

#[tokio::test(start_paused = true)]
async fn sagas_are_listed_by_label_state_and_definition_page_by_page() {
    let trip = Trip::new(&Ledger::new()).with(TripStep::Hotel, Mood::Refuses);
    let coordinator = over_memory(&well()).saga(trip).build().await.unwrap();
    for number in 0..7 {
        let tenant = if number % 2 == 0 { "even" } else { "odd" };
        let labels = StartOptions::new().label("tenant", tenant).label("number", number.to_string());
        coordinator.start_with::<Journey>(1, labels.clone()).await.unwrap().outcome().await.unwrap();
        coordinator.start_with::<Trip>(1, labels).await.unwrap().outcome().await.unwrap();
        sleep(secs(1)).await;
    }
    let mut filter = SagaFilter::new().label("tenant", "even").definition("journey").limit(3);
    let mut found = Vec::new();
    loop {
        let page = coordinator.list(filter.clone()).await.unwrap();
        assert!(page.sagas.len() <= 3);
        found.extend(page.sagas.iter().map(|saga| saga.labels["number"].clone()));
        let Some(next) = page.next else { break };
        filter = filter.after(next);
    }
    assert_eq!(found, ["6", "4", "2", "0"]);
    let compensated = coordinator.list(SagaFilter::new().state(SagaState::Compensated)).await.unwrap().sagas;
    assert!(
        compensated.len() == 7 && compensated.iter().all(|saga| saga.definition == "trip"),
        "{compensated:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_what_it_asked_for_in_order_and_a_slow_one_is_told_what_it_missed() {
    let coordinator = over_memory(&well()).build().await.unwrap();
    let mut ends = coordinator.subscribe(EventFilter::all().kind("ended"));
    let mut slow = coordinator.subscribe(EventFilter::all());
    // Six events each: the start, four steps, the end.
    let mut sagas = Vec::new();
    for _ in 0..200 {
        let handle = coordinator.start::<Journey>(1).await.unwrap();
        handle.outcome().await.unwrap();
        sagas.push(handle.id());
    }
    for saga in &sagas {
        let event = ends.next().await.unwrap().unwrap();
        assert_eq!((event.saga, event.sequence, event.id()), (*saga, 5, format!("{saga}-5")));
    }
    let Some(Err(Missed { count })) = slow.next().await else { panic!("nothing missed") };
    drop(coordinator);
    let mut got = Vec::new();
    while let Some(event) = slow.next().await {
        got.push(event.unwrap());
    }
    assert_eq!((count, got.len()), (1_200 - 1_024, 1_024));
    assert!(
        got.windows(2).all(|pair| pair[0].saga != pair[1].saga || pair[0].sequence + 1 == pair[1].sequence)
    );
    assert_eq!(got.last().map(|event| event.saga), sagas.last().copied());
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_the_store_the_lease_and_the_states() {
    let faults = Faults::none();
    let store = FaultyStore::new(Arc::new(watched_memory()), faults.clone());
    let journey = well().with("flight", Mood::Slow(minutes(5)));
    let coordinator =
        Coordinator::builder(store).saga(journey.clone()).step_timeout(hours(1)).build().await.unwrap();
    coordinator.start::<Journey>(1).await.unwrap();
    let health = coordinator.health().await;
    assert!(health.is_healthy && health.store_error.is_none() && !health.is_shutting_down, "{health:?}");
    assert_eq!((health.active, health.counts.get(&SagaState::Running)), (1, Some(&1)));
    // Its heartbeats get no answer for longer than the lease.
    for _ in 0..30 {
        faults.fail_next("heartbeat", Moment::Before, Harm::Unavailable);
    }
    sleep(secs(30)).await;
    let health = coordinator.health().await;
    assert!(!health.is_healthy && health.last_heartbeat_age > secs(15), "{health:?}");
    coordinator.shutdown().await;
    assert!(coordinator.health().await.is_shutting_down);
}

/// Parked by an undo that fails: the flight and the room stand.
async fn parked() -> (Journey, Coordinator, SagaId) {
    let journey = well().with("pay", Mood::Refuses).with("undo room", Mood::Refuses);
    let coordinator = over_memory(&journey).build().await.unwrap();
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    let outcome = handle.outcome().await.unwrap();
    assert!(matches!(outcome, Outcome::Stuck(StuckReason::UndoFailed { .. })), "{outcome}");
    (journey, coordinator, handle.id())
}

async fn outcome_of(coordinator: &Coordinator, saga: SagaId) -> Outcome<String> {
    let handle = coordinator.handle::<Journey>(saga);
    let outcome = timeout(hours(1), handle.outcome()).await.expect("the saga is lost").unwrap();
    lawful_journal::<Journey>(coordinator, saga).await;
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_parked_saga_is_retried_once_its_cause_is_gone() {
    let (journey, coordinator, saga) = parked().await;
    // Nothing runs until somebody says so.
    sleep(hours(24)).await;
    assert_eq!(calls(&journey).len(), 6);
    journey.feel("undo room", Mood::Well);
    coordinator.retry(saga).await.unwrap();
    assert_eq!(outcome_of(&coordinator, saga).await.state(), SagaState::Compensated);
    assert_eq!(calls(&journey)[6..], ["undo room", "undo flight"]);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_was_done_by_hand_is_skipped_and_the_rest_is_undone() {
    let (journey, coordinator, saga) = parked().await;
    let unknown = coordinator.skip(saga, "rom", "a slip").await;
    assert!(matches!(unknown, Err(OperateError::UnknownStep { .. })), "{unknown:?}");
    coordinator.skip(saga, JourneyStep::Room, "the hotel was called").await.unwrap();
    assert_eq!(outcome_of(&coordinator, saga).await.state(), SagaState::Compensated);
    assert_eq!(calls(&journey)[6..], ["undo flight"]);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_saga_fails_with_all_that_is_not_undone() {
    let (journey, coordinator, saga) = parked().await;
    coordinator.abandon(saga, "not worth it").await.unwrap();
    let Outcome::Failed(failed) = outcome_of(&coordinator, saga).await else { panic!("not failed") };
    let left: Vec<_> = failed.not_undone.iter().map(|left| left.step.as_str()).collect();
    assert_eq!(left, ["flight", "room"]);
    assert_eq!(calls(&journey).len(), 6);
    let late = coordinator.retry(saga).await;
    assert!(matches!(late, Err(OperateError::NotStuck { .. } | OperateError::Ended { .. })), "{late:?}");
    assert!(matches!(coordinator.cancel(saga, "too late").await, Err(OperateError::Ended { .. })));
    let nobody = coordinator.retry(SagaId::new()).await;
    assert!(matches!(nobody, Err(OperateError::NotFound { .. })), "{nobody:?}");
}

#[tokio::test(start_paused = true)]
async fn a_supply_of_another_type_than_the_steps_is_refused() {
    let trip = Trip::new(&Ledger::new()).with(TripStep::Pay, Mood::Silent);
    let coordinator = Coordinator::builder(watched_memory()).saga(trip).build().await.unwrap();
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Stuck);
    let wrong = coordinator.supply(handle.id(), TripStep::Pay, "seventy", "a slip").await;
    assert!(matches!(wrong, Err(OperateError::Payload(_))), "{wrong:?}");
    coordinator.supply(handle.id(), TripStep::Pay, 70_u64, "as the bank says").await.unwrap();
    assert_eq!(handle.outcome().await.unwrap(), Outcome::Completed(71));
}

#[tokio::test(start_paused = true)]
async fn an_inspection_shows_the_typed_outputs_so_far_and_how_each_step_stands() {
    let (_, coordinator, saga) = parked().await;
    let inspection = coordinator.inspect::<Journey>(saga).await.unwrap().unwrap();
    assert_eq!(inspection.outputs.flight, Some(Seat { row: 1 }));
    assert_eq!(inspection.outputs.room, Some(Room { floor: 10 }));
    assert_eq!(inspection.outputs.car, Some(Car { plate: "S-AG-10".to_owned() }));
    assert_eq!(inspection.outputs.pay, None);
    let steps: Vec<_> = inspection.steps.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    let expected = [
        ("flight", StepStatus::Done),
        ("room", StepStatus::UndoFailed),
        ("car", StepStatus::Undone),
        ("pay", StepStatus::Failed),
    ];
    assert_eq!(steps, expected);
    let instance = coordinator.instance(saga).await.unwrap().unwrap();
    assert_eq!((&instance, instance.state), (&inspection.instance, SagaState::Stuck));
    assert!(instance.ended_at.is_none() && instance.owner.is_none());
    // Of another saga, and of none.
    let other = coordinator.inspect::<Trip>(saga).await;
    assert!(matches!(other, Err(InspectError::OtherSaga { .. })));
    assert!(coordinator.inspect::<Journey>(SagaId::new()).await.unwrap().is_none());
    assert!(coordinator.instance(SagaId::new()).await.unwrap().is_none());
    let nobody = coordinator.handle::<Journey>(SagaId::new()).outcome().await;
    assert!(matches!(nobody, Err(OutcomeError::NotFound { .. })), "{nobody:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_under_which_nothing_could_run_is_refused() {
    for builder in [over_memory(&well()).max_concurrent_sagas(0), over_memory(&well()).worker_pool_size(0)] {
        assert!(builder.build().await.is_err());
    }
    let waits_not = over_memory(&well()).acquire_timeout(Duration::ZERO).build().await;
    assert!(waits_not.is_ok(), "not to wait is a wish like another");
}
