//! A version is a number from 1.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), version = 0)]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
