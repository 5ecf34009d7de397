//! `compensation` of a saga is a strategy. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order), compensation = fixed(3, secs(1)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
