//! A step's timeout is at most its saga's.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), timeout = secs(30))]
struct Shop;

#[step(compensate = none, timeout = minutes(1))]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
