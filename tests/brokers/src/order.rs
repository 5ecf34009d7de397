//! Sagas to tell of.

use std::time::Duration;

use saga::{Coordinator, SagaFilter, StepError, saga, step};
use tokio::time::{sleep, timeout};

/// An order of a number. A fifth of all numbers fail at their second step, and are undone.
#[derive(Clone)]
#[saga(steps(reserve -> charge -> send), retry = no_retry())]
pub struct Order;

/// The order of this number fails with a message of 3,000 bytes, which is too long for a broker that allows less.
pub const VERBOSE: u32 = 4_000_000;

/// How long the sagas of a test, and what is told of them, may take.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(2);

#[step(compensate = release)]
async fn reserve(_: &Order, number: &u32) -> Result<u32, StepError> {
    tokio::task::yield_now().await;
    Ok(*number)
}

async fn release(_: &Order, _: &u32) -> Result<(), StepError> {
    Ok(())
}

#[step(compensate = none)]
async fn charge(_: &Order, number: &u32) -> Result<u32, StepError> {
    match *number {
        VERBOSE => Err(StepError::business("DECLINED", "x".repeat(3_000))),
        number if number % 5 == 3 => Err(StepError::business("DECLINED", "no funds")),
        number => Ok(number),
    }
}

#[step(compensate = none)]
async fn send(_: &Order, _: &u32) -> Result<(), StepError> {
    Ok(())
}

/// Returns once that many sagas have ended and all cursors have passed all events.
///
/// # Panics
///
/// It panics after two minutes, and tells how far the publishers are.
pub async fn settled(coordinator: &Coordinator, count: usize) {
    let settling = async {
        loop {
            let sagas = coordinator.list(SagaFilter::new().limit(1_000)).await.unwrap().sagas;
            let cursors = coordinator.publisher_cursors().await.unwrap();
            let is_done = sagas.len() >= count && sagas.iter().all(|saga| saga.state.is_ended());
            if is_done && !cursors.is_empty() && cursors.iter().all(|cursor| cursor.behind == 0) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(SETTLE_TIMEOUT, settling).await.is_err() {
        let (cursors, status) = (coordinator.publisher_cursors().await, coordinator.publishers());
        panic!("not settled: {cursors:?}, {status:?}");
    }
}
