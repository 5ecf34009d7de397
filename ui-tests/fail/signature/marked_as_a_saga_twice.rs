//! A struct is one saga.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
#[saga(steps(create_order), name = "again")]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
