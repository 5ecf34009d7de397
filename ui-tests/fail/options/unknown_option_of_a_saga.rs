//! The options of a saga are listed where one is unknown.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), deadline = secs(5))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
