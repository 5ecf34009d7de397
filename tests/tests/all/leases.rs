//! A worker begins no attempt where its lease may be over: another may have the saga.

use std::sync::Arc;

use saga::policy::{hours, minutes, secs};
use saga::testing::{Faults, FaultyStore, Harm, Moment, watched_memory_store};
use saga::{
    Coordinator, CoordinatorBuilder, Outcome, Saga as _, SagaHandle, StepContext, StepError, Store, saga,
    step,
};
use saga_tests::services::{Mood, Services};
use tokio::time::{sleep, timeout};

/// A visit whose backoff is shorter than the lease: it is waited for here, and not in the store.
#[derive(Debug, Clone, Default)]
#[saga(steps(knock), retry = fixed(2, secs(12)).jitter(0.0))]
struct Visit {
    services: Services,
}

#[step(pivot, timeout = minutes(5))]
async fn knock(cx: &StepContext<Visit>, _number: &u64) -> Result<(), StepError> {
    cx.services.serve(cx).await
}

/// The same, but each attempt is recorded before it begins.
#[derive(Debug, Clone, Default)]
#[saga(steps(ring), retry = fixed(2, secs(12)).jitter(0.0))]
struct Call {
    services: Services,
}

#[step(pivot, at_most_once, timeout = minutes(5))]
async fn ring(cx: &StepContext<Call>, _number: &u64) -> Result<(), StepError> {
    cx.services.serve(cx).await
}

/// What is recorded before it begins comes after something slow.
#[derive(Debug, Clone, Default)]
#[saga(steps(dial -> talk(input)))]
struct Talk {
    services: Services,
}

#[step(compensate = none, timeout = minutes(5))]
async fn dial(cx: &StepContext<Talk>, _number: &u64) -> Result<(), StepError> {
    cx.services.serve(cx).await
}

#[step(pivot, at_most_once)]
async fn talk(cx: &StepContext<Talk>, _number: &u64) -> Result<(), StepError> {
    cx.services.serve(cx).await
}

/// Over a store whose heartbeats fail so often after the first.
async fn faulty(
    beats: usize,
    set: impl FnOnce(CoordinatorBuilder) -> CoordinatorBuilder,
) -> (Arc<dyn Store>, Coordinator, Faults) {
    let memory: Arc<dyn Store> =
        Arc::new(watched_memory_store([Visit::definition(), Call::definition(), Talk::definition()]));
    let faults = Faults::none();
    let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
    let coordinator = set(Coordinator::builder(store)).build().await.unwrap();
    for _ in 0..beats {
        faults.fail_next("heartbeat", Moment::Before, Harm::Unavailable);
    }
    (memory, coordinator, faults)
}

async fn outcome(handle: &SagaHandle<Visit>) -> Outcome<()> {
    timeout(hours(1), handle.outcome()).await.expect("the saga is lost").unwrap()
}

/// A visit of a worker that does not reach the store for so many heartbeats, one each 5 s: its lease of 15 s runs out in
/// a backoff, and another worker takes the saga. How often each knocked.
async fn in_a_backoff(beats: usize) -> (usize, usize) {
    let (stale, current) = (Visit::default(), Visit::default());
    stale.services.feel("knock", Mood::Busy(1));
    current.services.feel("knock", Mood::Slow(minutes(1)));
    let (memory, first, _) = faulty(beats, |builder| builder.saga(stale.clone())).await;
    sleep(secs(10)).await;
    let saga = first.start::<Visit>(1).await.unwrap().id();
    sleep(secs(5)).await;
    let second = Coordinator::builder_shared(memory).saga(current.clone()).build().await.unwrap();
    assert_eq!(outcome(&second.handle(saga)).await, Outcome::Completed(()));
    (stale.services.said().len(), current.services.said().len())
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_a_backoff_in_which_the_lease_ran_out() {
    assert_eq!(in_a_backoff(100).await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_a_backoff_in_which_the_lease_ran_out_and_was_renewed() {
    assert_eq!(in_a_backoff(3).await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_that_waited_for_a_worker_until_the_lease_had_run_out() {
    let (stale, current) = (Visit::default(), Visit::default());
    for visit in [&stale, &current] {
        visit.services.feel("knock", Mood::Slow(secs(30)));
    }
    let (memory, first, _) = faulty(100, |builder| builder.saga(stale.clone()).worker_pool_size(1)).await;
    let [_, waiting] = [first.start::<Visit>(1).await.unwrap(), first.start::<Visit>(2).await.unwrap()];
    sleep(secs(15)).await;
    let second = Coordinator::builder_shared(memory).saga(current).build().await.unwrap();
    assert_eq!(outcome(&second.handle(waiting.id())).await, Outcome::Completed(()));
    assert_eq!(stale.services.said().len(), 1);
}

/// The journal of a saga whose lease runs out in a backoff, and is renewed, after so many failed heartbeats, before
/// anybody takes the saga.
async fn undisturbed(beats: usize) -> Vec<&'static str> {
    let call = Call::default();
    call.services.feel("ring", Mood::Busy(1));
    let (_, coordinator, _) = faulty(beats, |builder| builder.saga(call.clone())).await;
    sleep(secs(10)).await;
    let handle = coordinator.start::<Call>(1).await.unwrap();
    let outcome = timeout(hours(1), handle.outcome()).await.expect("the saga is lost").unwrap();
    assert_eq!(outcome, Outcome::Completed(()));
    assert_eq!(call.services.said().len(), 2);
    let journal = coordinator.inspect::<Call>(handle.id()).await.unwrap().unwrap().journal;
    journal.iter().map(|record| record.event.kind()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_was_let_go_is_claimed_again_once_the_lease_is_renewed() {
    // What was not begun is not recorded as begun: it would be in doubt.
    let expected =
        ["saga_started", "step_started", "step_failed", "claimed", "step_started", "step_completed", "ended"];
    assert_eq!(undisturbed(4).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_nobody_took_before_the_lease_was_renewed_goes_on() {
    let expected = ["saga_started", "step_started", "step_failed", "step_started", "step_completed", "ended"];
    assert_eq!(undisturbed(3).await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_recorded_as_begun_does_not_begin_where_the_saga_is_regained_meanwhile() {
    let talk = Talk::default();
    talk.services.feel("dial", Mood::Slow(secs(30)));
    let (_, coordinator, faults) = faulty(6, |builder| builder.saga(talk.clone())).await;
    let handle = coordinator.start::<Talk>(1).await.unwrap();
    // The lease is over when the first step is done, and is renewed while that is being written.
    faults.hold("append at 1");
    sleep(secs(36)).await;
    faults.let_go();
    let outcome = timeout(hours(1), handle.outcome()).await.expect("the saga is lost").unwrap();
    assert_eq!(outcome, Outcome::Completed(()));
    let journal = coordinator.inspect::<Talk>(handle.id()).await.unwrap().unwrap().journal;
    let kinds: Vec<_> = journal.iter().map(|record| record.event.kind()).collect();
    let expected = ["saga_started", "step_completed", "claimed", "step_started", "step_completed", "ended"];
    assert_eq!(kinds, expected);
}
