//! Parallel branches are given as one parameter each, and not as one tuple.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps((create_order & reserve) -> charge))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _cart: &u64) -> Result<Reservation, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _both: &(Order, Reservation)) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
