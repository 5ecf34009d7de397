//! A retriable step stands after the pivot.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge))]
struct Shop;

#[step(retriable)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(pivot)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
