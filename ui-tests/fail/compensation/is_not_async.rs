//! A compensation is an `async fn`.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = cancel_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
