//! A step's data is owned: what has no size of its own cannot be.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &str) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
