//! A parallel branch is one step.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps((create_order -> charge & reserve)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _cart: &u64) -> Result<Reservation, StepError> {
    todo!()
}

fn main() {}
