//! What an operator asks of a parked saga is carried out.

use saga::policy::hours;
use saga::{Coordinator, Outcome, SagaState};
use saga_tests::services::Mood;
use saga_tests::trip::{Trip, TripStep};
use saga_tests::watched_memory;
use tokio::time::timeout;

#[tokio::test(start_paused = true)]
async fn an_output_that_an_operator_supplies_reaches_the_next_step() {
    let trip = Trip::default().with(TripStep::Pay, Mood::Silent);
    let coordinator = Coordinator::builder(watched_memory()).saga(trip).build().await.unwrap();
    let handle = coordinator.start::<Trip>(1).await.unwrap();
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Stuck);
    coordinator.supply(handle.id(), TripStep::Pay, 70_u64, "the bank says that it was paid").await.unwrap();
    let outcome = timeout(hours(1), handle.outcome()).await.unwrap().unwrap();
    assert_eq!(outcome, Outcome::Completed(71));
}
