//! A saga's input is used by several threads, also where each attempt gets a clone.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use std::cell::Cell;

#[saga(steps(create_order))]
struct Shop;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Cart {
    count: Cell<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: Cart) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
