//! What is found by its name has one.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none, name = "")]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
