//! What becomes of ended sagas.

use std::sync::Arc;

use saga::policy::{Retention, days, hours, keep_for, minutes, secs};
use saga::store::{QueryStore, Store};
use saga::{Coordinator, MemoryStore, SagaFilter, SagaState, StepError, saga, step};

/// Does what it is told to.
#[saga(steps(tidy -> act(input)))]
struct Acting;

#[step(compensate = mess, compensation(retry = no_retry()))]
async fn tidy(_saga: &Acting, what: &String) -> Result<String, StepError> {
    Ok(what.clone())
}

async fn mess(_saga: &Acting, what: &String) -> Result<(), StepError> {
    if what == "sticks" { Err(StepError::permanent("glue")) } else { Ok(()) }
}

#[step(compensate = none)]
async fn act(_saga: &Acting, what: &String) -> Result<(), StepError> {
    if what == "works" { Ok(()) } else { Err(StepError::business("NO", "no")) }
}

async fn acting(store: &Arc<MemoryStore>, retention: Option<Retention>) -> Coordinator {
    let builder = Coordinator::builder_shared(Arc::clone(store) as Arc<dyn Store>).saga(Acting);
    // Hours of a paused clock, and not a poll for each second of them.
    let builder = builder.poll_interval(minutes(10)).lease(hours(3));
    let builder = if let Some(retention) = retention { builder.retention(retention) } else { builder };
    builder.build().await.unwrap()
}

async fn run(coordinator: &Coordinator, what: &str) -> SagaState {
    let saga = coordinator.start::<Acting>(what.to_owned()).await.unwrap();
    saga.outcome().await.unwrap().state()
}

/// How many are left in the state.
async fn left(store: &MemoryStore, state: SagaState) -> usize {
    store.list(&SagaFilter::new().state(state).limit(1_000)).await.unwrap().sagas.len()
}

#[tokio::test(start_paused = true)]
async fn ended_sagas_go_by_the_age_of_their_state() {
    let store = Arc::new(MemoryStore::new());
    let coordinator = acting(&store, Some(keep_for(hours(1)).compensated(hours(3)))).await;
    assert_eq!(run(&coordinator, "works").await, SagaState::Completed);
    assert_eq!(run(&coordinator, "fails").await, SagaState::Compensated);
    let counts =
        async || (left(&store, SagaState::Completed).await, left(&store, SagaState::Compensated).await);

    tokio::time::sleep(minutes(58)).await;
    assert_eq!(counts().await, (1, 1));
    tokio::time::sleep(minutes(5)).await;
    assert_eq!(counts().await, (0, 1));
    tokio::time::sleep(hours(2)).await;
    assert_eq!(counts().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_saga_and_one_that_waits_are_never_deleted() {
    let store = Arc::new(MemoryStore::new());
    let coordinator = acting(&store, Some(keep_for(secs(1)).every(secs(1)))).await;
    assert_eq!(run(&coordinator, "sticks").await, SagaState::Stuck);
    let later = saga::StartOptions::new().delay(days(1));
    coordinator.start_with::<Acting>("works".to_owned(), later).await.unwrap();
    run(&coordinator, "works").await;
    tokio::time::sleep(hours(2)).await;
    assert_eq!(left(&store, SagaState::Completed).await, 0);
    assert_eq!((left(&store, SagaState::Stuck).await, left(&store, SagaState::Pending).await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_said_ended_sagas_are_kept() {
    let store = Arc::new(MemoryStore::new());
    let coordinator = acting(&store, None).await;
    run(&coordinator, "works").await;
    tokio::time::sleep(hours(12)).await;
    assert_eq!(left(&store, SagaState::Completed).await, 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_goes_in_one_round_whoever_else_does_it_too() {
    let store = Arc::new(MemoryStore::new());
    let retention = Some(keep_for(secs(10)).every(hours(1)));
    let (one, _other) = (acting(&store, retention).await, acting(&store, retention).await);
    for _ in 0..700 {
        run(&one, "works").await;
    }
    assert_eq!(left(&store, SagaState::Completed).await, 700);
    tokio::time::sleep(hours(1) + secs(30)).await;
    assert_eq!(left(&store, SagaState::Completed).await, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_any_more_after_a_shutdown() {
    let store = Arc::new(MemoryStore::new());
    let coordinator = acting(&store, Some(keep_for(hours(1)))).await;
    run(&coordinator, "works").await;
    coordinator.shutdown().await;
    tokio::time::sleep(hours(6)).await;
    assert_eq!(left(&store, SagaState::Completed).await, 1);
}
