//! A saga is never lost while its worker lives, whatever call the store fails.

use std::sync::Arc;
use std::time::Duration;

use saga::machine::{Event, Record};
use saga::policy::{hours, millis, minutes, secs};
use saga::store::Beat;
use saga::testing::{Faults, FaultyStore, Harm, Ledger, Moment};
use saga::{Coordinator, CoordinatorBuilder, Outcome, SagaHandle, StartError, StartOptions, Store};
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};
use saga_tests::watched_memory;
use tokio::time::{Instant, sleep, timeout};

/// A coordinator over a store in memory that fails on command.
fn faulty(trip: Trip) -> (CoordinatorBuilder, Faults) {
    let faults = Faults::none();
    let store = FaultyStore::new(Arc::new(watched_memory()), faults.clone());
    (Coordinator::builder(store).saga(trip), faults)
}

fn fail(faults: &Faults, texts: &[&'static str], moment: Moment) {
    for text in texts {
        faults.fail_next(text, moment, Harm::Unavailable);
    }
}

async fn outcome(handle: &SagaHandle<Trip>) -> Outcome<u64> {
    timeout(hours(1), handle.outcome()).await.expect("the saga is lost").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_loses_no_saga() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.build().await.unwrap();
    let handle = coordinator.start_with::<Trip>(1, StartOptions::new().delay(millis(2_500))).await.unwrap();
    sleep(millis(2_400)).await;
    fail(&faults, &["claim"], Moment::After);
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_saga_whose_start_got_no_answer_is_driven_if_it_is_recorded() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.build().await.unwrap();
    fail(&faults, &["append", "append"], Moment::Before);
    fail(&faults, &["append"], Moment::After);
    // The starter cannot know; nor can its worker, for a while.
    fail(&faults, &["load", "read the instance", "append at 1", "load", "load"], Moment::Before);
    let Err(StartError::Store { saga, .. }) = coordinator.start::<Trip>(1).await else { panic!("started") };
    assert_eq!(outcome(&coordinator.handle(saga)).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_start_whose_answer_is_lost_is_read_back() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.build().await.unwrap();
    fail(&faults, &["append"], Moment::After);
    let options = StartOptions::new().delay(secs(5)).key("once");
    let handle = coordinator.start_with::<Trip>(1, options).await.unwrap();
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn an_append_that_the_store_tried_twice_is_found_to_be_ones_own() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.build().await.unwrap();
    for text in ["append at 0", "append at 1", "append at 3"] {
        faults.fail_next(text, Moment::After, Harm::Repeated);
    }
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
    let journal = coordinator.inspect::<Trip>(handle.id()).await.unwrap().unwrap().journal;
    let kinds: Vec<_> = journal.iter().map(|record| record.event.kind()).collect();
    let done = "step_completed";
    assert_eq!(kinds, ["saga_started", done, done, done, "ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_waits_for_a_place_is_not_taken_for_one_that_kills_its_workers() {
    let trip = Trip::default();
    let (builder, faults) = faulty(trip.clone());
    let coordinator = builder.max_concurrent_sagas(1).build().await.unwrap();
    fail(&faults, &["append", "append"], Moment::Before);
    fail(&faults, &["append"], Moment::After);
    // So it is taken up only after the other has its place.
    fail(&faults, &["load", "read the instance"], Moment::Before);
    let Err(StartError::Store { saga, .. }) = coordinator.start::<Trip>(1).await else { panic!("started") };
    trip.feel(TripStep::Hotel, Mood::Slow(minutes(1)));
    let second = coordinator.start::<Trip>(10).await.unwrap();
    assert_eq!(outcome(&second).await, Outcome::Completed(13));
    assert_eq!(outcome(&coordinator.handle(saga)).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_lease_ran_out_goes_on_with_its_own_sagas() {
    // The store says that the lease is over as soon as it has it, the worker doesn't know: a machine that slept.
    let store: Arc<dyn Store> = Arc::new(watched_memory());
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(secs(10)));
    let coordinator = Coordinator::builder_shared(Arc::clone(&store)).saga(trip).build().await.unwrap();
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    store.retire(coordinator.worker()).await.unwrap();
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_stale_owner_whose_append_got_no_answer_does_not_take_the_new_owners_for_its_own() {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let slow = |time| Trip::default().with(TripStep::Hotel, Mood::Slow(time));
    let (stale, current) = (slow(secs(10)), slow(minutes(2)));
    let worlds = (stale.world.clone(), current.world.clone());
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let first = Coordinator::builder(store).saga(stale).poll_interval(hours(1)).build().await.unwrap();
    let saga = first.start::<Trip>(1).await.unwrap().id();
    memory.retire(first.worker()).await.unwrap();
    let second = Coordinator::builder_shared(memory).saga(current).build().await.unwrap();
    fail(&faults, &["append"], Moment::Before);
    assert_eq!(outcome(&second.handle(saga)).await, Outcome::Completed(4));
    let steps = |world: &Ledger| world.entries().into_iter().map(|entry| entry.step).collect::<Vec<_>>();
    assert_eq!(steps(&worlds.0), ["hotel"]);
    assert_eq!(steps(&worlds.1), ["hotel", "pay", "mail"]);
}

/// A worker that stands still between its claim and its look at the journal, until another one owns the saga.
async fn overtaken_after_its_claim(
    first: impl FnOnce(CoordinatorBuilder) -> CoordinatorBuilder,
    second: Trip,
) -> Outcome<u64> {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let starter =
        Coordinator::builder_shared(Arc::clone(&memory)).saga(Trip::default()).build().await.unwrap();
    let options = StartOptions::new().delay(secs(1));
    let saga = starter.start_with::<Trip>(1, options).await.unwrap().id();
    starter.shutdown().await;
    sleep(secs(2)).await;
    faults.hold("load");
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let first = first(Coordinator::builder(store)).build().await.unwrap();
    sleep(millis(1)).await;
    let owner = async || memory.instance(saga).await.unwrap().unwrap().owner;
    assert_eq!(owner().await, Some(first.worker()));
    memory.retire(first.worker()).await.unwrap();
    let second = Coordinator::builder_shared(Arc::clone(&memory)).saga(second).build().await.unwrap();
    sleep(millis(1)).await;
    assert_eq!(owner().await, Some(second.worker()));
    faults.let_go();
    outcome(&second.handle(saga)).await
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_overtaken_after_its_claim_drives_nothing() {
    let slow = |time| Trip::default().with(TripStep::Hotel, Mood::Slow(time));
    let (stale, current) = (slow(secs(10)), slow(minutes(1)));
    let worlds = (stale.world.clone(), current.world.clone());
    let outcome = overtaken_after_its_claim(|builder| builder.saga(stale), current).await;
    assert_eq!(outcome, Outcome::Completed(4));
    assert!(worlds.0.entries().is_empty(), "{:?}", worlds.0.entries());
    let steps: Vec<_> = worlds.1.entries().into_iter().map(|entry| entry.step).collect();
    assert_eq!(steps, ["hotel", "pay", "mail"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_overtaken_after_its_claim_parks_nothing() {
    // It doesn't know the saga. What the store's only worker doesn't know, nobody does: it would be parked.
    let slow = Trip::default().with(TripStep::Hotel, Mood::Slow(minutes(1)));
    assert_eq!(overtaken_after_its_claim(|builder| builder, slow).await, Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_was_read_before_a_wait_for_a_place_is_not_driven_on_from() {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let starter =
        Coordinator::builder_shared(Arc::clone(&memory)).saga(Trip::default()).build().await.unwrap();
    let delayed = async |delay| {
        let options = StartOptions::new().delay(delay);
        starter.start_with::<Trip>(1, options).await.unwrap().id()
    };
    let (taken_up, waiting) = (delayed(secs(1)).await, delayed(millis(1_001)).await);
    starter.shutdown().await;
    sleep(secs(2)).await;
    let slow = |time| Trip::default().with(TripStep::Hotel, Mood::Slow(time));
    let (first_trip, second_trip) = (slow(secs(10)), slow(minutes(2)));
    let world = first_trip.world.clone();
    // It asks for two sagas, and a start takes the second place before it gets them.
    faults.hold("claim");
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let first = Coordinator::builder(store).saga(first_trip).max_concurrent_sagas(2).build().await.unwrap();
    sleep(millis(1)).await;
    first.start::<Trip>(1).await.unwrap();
    faults.let_go();
    sleep(secs(1)).await;
    for saga in [taken_up, waiting] {
        assert_eq!(memory.instance(saga).await.unwrap().unwrap().owner, Some(first.worker()));
    }
    memory.retire(first.worker()).await.unwrap();
    let second = Coordinator::builder_shared(Arc::clone(&memory)).saga(second_trip).build().await.unwrap();
    assert_eq!(outcome(&second.handle(waiting)).await, Outcome::Completed(4));
    let sagas: Vec<_> = world.entries().into_iter().map(|entry| entry.saga).collect();
    assert!(sagas.contains(&taken_up) && !sagas.contains(&waiting), "{sagas:?}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_tells_again_of_a_saga_does_not_drive_it_again() {
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(secs(10)));
    let world = trip.world.clone();
    let (builder, faults) = faulty(trip);
    faults.tell_claims_again();
    let coordinator = builder.build().await.unwrap();
    let handle = coordinator.start_with::<Trip>(1, StartOptions::new().delay(secs(2))).await.unwrap();
    // It is claimed and driven; the next search, which is told of it again, gets no journal before the drive is over.
    sleep(millis(2_100)).await;
    faults.hold_answers("load");
    sleep(secs(30)).await;
    faults.let_go();
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
    sleep(minutes(1)).await;
    let steps: Vec<_> = world.entries().into_iter().map(|entry| entry.step).collect();
    assert_eq!(steps, ["hotel", "pay", "mail"]);
    assert_eq!(coordinator.metrics().sagas_completed, 1);
    assert_eq!(coordinator.metrics().claims, 1);
}

/// A worker over `memory` that is stopped right before it loads what it claimed, for longer than its lease: another
/// claims it meanwhile. Returns what the stopped one did, and who claimed the saga, once it ended.
async fn stopped_after_a_lost_claim() -> (Vec<String>, Vec<bool>) {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let stopped = Trip::default();
    let world = stopped.world.clone();
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let first = Coordinator::builder(store).saga(stopped).build().await.unwrap();
    let saga = first.start_with::<Trip>(1, StartOptions::new().delay(secs(5))).await.unwrap().id();
    sleep(millis(4_900)).await;
    fail(&faults, &["claim"], Moment::After);
    faults.hold("load");
    sleep(secs(6)).await;
    memory.retire(first.worker()).await.unwrap();
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(minutes(2)));
    let second = Coordinator::builder_shared(Arc::clone(&memory)).saga(trip).build().await.unwrap();
    sleep(secs(2)).await;
    // It is woken up, and renews its lease before it does anything else.
    memory.heartbeat(&Beat::new(first.worker(), hours(1))).await.unwrap();
    faults.let_go();
    assert_eq!(outcome(&second.handle(saga)).await, Outcome::Completed(4));
    let journal = second.inspect::<Trip>(saga).await.unwrap().unwrap().journal;
    let is_first = |record: &Record| match record.event {
        Event::Claimed { worker } => Some(worker == first.worker()),
        _ => None,
    };
    let did = world.entries().into_iter().map(|entry| entry.step).collect();
    (did, journal.iter().filter_map(is_first).collect())
}

#[tokio::test(start_paused = true)]
async fn what_another_claimed_is_not_taken_for_the_rest_of_a_lost_claim() {
    let (did, claims) = stopped_after_a_lost_claim().await;
    assert_eq!((did, claims), (Vec::new(), vec![true, false]));
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_a_lease_claims_nothing() {
    let trip = Trip::default().with(TripStep::Hotel, Mood::Slow(minutes(2)));
    let (builder, faults) = faulty(trip);
    let coordinator = builder.build().await.unwrap();
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    fail(&faults, &["heartbeat"; 18], Moment::Before);
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
    let journal = coordinator.inspect::<Trip>(handle.id()).await.unwrap().unwrap().journal;
    assert!(journal.iter().all(|record| record.event.kind() != "claimed"), "{journal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_lease_for_good() {
    let store: Arc<dyn Store> = Arc::new(watched_memory());
    let slow = Trip::default().with(TripStep::Hotel, Mood::Slow(minutes(4)));
    let first = Coordinator::builder_shared(Arc::clone(&store)).saga(slow).build().await.unwrap();
    let saga = first.start::<Trip>(1).await.unwrap().id();
    assert_eq!(first.shutdown().await.handed_over, 1);
    // Longer than its heartbeat sleeps; it is still there.
    sleep(secs(20)).await;
    let second = Coordinator::builder_shared(store).saga(Trip::default()).build().await.unwrap();
    let began = Instant::now();
    assert_eq!(outcome(&second.handle(saga)).await, Outcome::Completed(4));
    assert!(began.elapsed() < secs(5), "{:?}", began.elapsed());
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_gone_keeps_no_saga_from_others() {
    let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let first = Coordinator::builder(store).saga(Trip::default()).build().await.unwrap();
    let handle = first.start_with::<Trip>(1, StartOptions::new().delay(millis(2_500))).await.unwrap();
    sleep(millis(2_400)).await;
    // The claim makes it the owner, and it doesn't live to hear so. The handle does.
    fail(&faults, &["claim"], Moment::After);
    sleep(millis(200)).await;
    drop(first);
    let second = Coordinator::builder_shared(memory).saga(Trip::default()).build().await.unwrap();
    assert_eq!(outcome(&handle).await, Outcome::Completed(4));
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_is_not_lost_by_a_search_before_its_time() {
    let (builder, _) = faulty(Trip::default());
    let coordinator = builder.poll_interval(hours(10)).build().await.unwrap();
    let delayed = |delay: Duration| StartOptions::new().delay(delay);
    let began = Instant::now();
    let first = coordinator.start_with::<Trip>(1, delayed(secs(10))).await.unwrap();
    sleep(secs(5)).await;
    coordinator.start_with::<Trip>(1, delayed(hours(5))).await.unwrap();
    assert_eq!(outcome(&first).await, Outcome::Completed(4));
    assert!(began.elapsed() < secs(12), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_saga_whose_journal_cannot_be_read_is_tried_ever_more_seldom_and_holds_nobody_up() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.max_concurrent_sagas(1).build().await.unwrap();
    let delayed =
        async |delay| coordinator.start_with::<Trip>(1, StartOptions::new().delay(delay)).await.unwrap();
    let (spoilt, sound) = (delayed(secs(1)).await, delayed(millis(1_001)).await);
    faults.spoil(spoilt.id());
    assert_eq!(timeout(secs(5), sound.outcome()).await.unwrap().unwrap(), Outcome::Completed(4));
    let loads = || faults.calls().iter().filter(|call| call.text == "load").count();
    sleep(minutes(60)).await;
    let (before, told) = (loads(), delayed(millis(1)).await);
    assert!((60..200).contains(&before), "{before} tries in an hour");
    assert_eq!(timeout(secs(5), told.outcome()).await.unwrap().unwrap(), Outcome::Completed(4));
    faults.mend(spoilt.id());
    assert_eq!(timeout(minutes(2), spoilt.outcome()).await.unwrap().unwrap(), Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_not_asked_without_a_pause() {
    let (builder, faults) = faulty(Trip::default());
    let coordinator = builder.build().await.unwrap();
    fail(&faults, &["append", "append"], Moment::Before);
    fail(&faults, &["append"], Moment::After);
    fail(&faults, &["load"], Moment::Before);
    fail(&faults, &["read the instance"; 10], Moment::Before);
    let began = Instant::now();
    let Err(StartError::Store { saga, .. }) = coordinator.start::<Trip>(1).await else { panic!("started") };
    while faults.calls().iter().filter(|call| call.text == "read the instance").count() < 10 {
        sleep(millis(1)).await;
    }
    assert!(began.elapsed() > millis(500), "{:?}", began.elapsed());
    assert_eq!(outcome(&coordinator.handle(saga)).await, Outcome::Completed(4));
}
