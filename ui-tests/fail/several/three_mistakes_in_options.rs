//! All options of a saga and of its steps are read.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), version = 0, deadline = secs(5))]
struct Shop;

#[step(compensate = none, retries = 3)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
