//! A step is named by its path, and not by a text.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps("create_order"))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
