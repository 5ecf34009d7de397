//! Steps of many sagas use the services at the same time.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use std::cell::Cell;

#[saga(steps(create_order))]
struct Shop {
    orders: Cell<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
