//! Parallel steps read an output at the same time.

use saga::{StepError, saga, step};
use std::cell::Cell;

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    count: Cell<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
