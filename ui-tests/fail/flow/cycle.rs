//! Data flows forward: two steps cannot feed each other.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order(charge) -> charge(create_order)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _paid: &Payment) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
