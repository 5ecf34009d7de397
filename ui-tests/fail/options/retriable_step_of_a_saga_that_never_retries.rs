//! A retriable step is driven until it succeeds.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge -> confirm), retry = no_retry())]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

#[step(retriable)]
async fn confirm(_shop: &Shop, _payment: &Payment) -> Result<(), StepError> {
    todo!()
}

fn main() {}
