//! What an operator asks of a parked saga.

#![cfg(feature = "testing")]

use saga::testing::watched_memory_store;
use saga::{Coordinator, Outcome, Saga, SagaHandle, StepError, saga, step};

#[saga(steps(pay -> ship -> tell))]
struct Shop;

#[step(pivot)]
async fn pay(_shop: &Shop, euros: &u32) -> Result<u32, StepError> {
    Ok(*euros)
}

#[step(retriable, retry = fixed(1, millis(1)))]
async fn ship(_shop: &Shop, _paid: &u32) -> Result<String, StepError> {
    Err(StepError::transient("no carrier"))
}

#[step(retriable, retry = fixed(1, millis(1)))]
async fn tell(_shop: &Shop, carrier: &String) -> Result<String, StepError> {
    if carrier == "unknown" { Err(StepError::permanent("whom?")) } else { Ok(format!("it comes {carrier}")) }
}

async fn parked() -> (Coordinator, SagaHandle<Shop>) {
    let coordinator =
        Coordinator::builder(watched_memory_store([Shop::definition()])).saga(Shop).build().await.unwrap();
    let order = coordinator.start::<Shop>(12).await.unwrap();
    assert!(matches!(order.outcome().await.unwrap(), Outcome::Stuck(_)));
    (coordinator, order)
}

#[tokio::test(start_paused = true)]
async fn the_outcome_after_a_supply_is_what_the_supply_led_to() {
    let (coordinator, order) = parked().await;
    coordinator.supply(order.id(), ShopStep::Ship, "by hand", "carried there").await.unwrap();
    assert_eq!(order.outcome().await.unwrap(), Outcome::Completed("it comes by hand".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_handle_without_a_past_waits_for_what_was_asked_for_too() {
    let (coordinator, order) = parked().await;
    coordinator.supply(order.id(), ShopStep::Ship, "by hand", "carried there").await.unwrap();
    let outcome = coordinator.handle::<Shop>(order.id()).outcome().await.unwrap();
    assert_eq!(outcome, Outcome::Completed("it comes by hand".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_fails_again_parks_it_again() {
    let (coordinator, order) = parked().await;
    coordinator.retry(order.id()).await.unwrap();
    let events = |journal: &[saga::machine::Record]| {
        journal.iter().filter(|record| record.event.kind() == "stuck").count()
    };
    assert!(matches!(order.outcome().await.unwrap(), Outcome::Stuck(_)));
    let inspection = coordinator.inspect::<Shop>(order.id()).await.unwrap().unwrap();
    assert_eq!(events(&inspection.journal), 2, "the outcome is that of the retry, not the one before");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_mended_replaces_the_one_before() {
    let (coordinator, order) = parked().await;
    coordinator.supply(order.id(), ShopStep::Ship, "unknown", "who was it?").await.unwrap();
    assert!(matches!(order.outcome().await.unwrap(), Outcome::Stuck(_)));
    coordinator.supply(order.id(), ShopStep::Ship, "by mule", "it was the mule").await.unwrap();
    // The step after it has failed all the same, and stands as failed until it is retried.
    assert!(matches!(order.outcome().await.unwrap(), Outcome::Stuck(_)));
    coordinator.retry(order.id()).await.unwrap();
    assert_eq!(order.outcome().await.unwrap(), Outcome::Completed("it comes by mule".to_owned()));
}
