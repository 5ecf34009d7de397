//! A compensation borrows its step's output, which stays in the record.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = cancel_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

async fn cancel_order(_shop: &Shop, _order: Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
