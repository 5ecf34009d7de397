//! A name is a text.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), name = shop)]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
