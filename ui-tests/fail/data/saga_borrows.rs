//! A saga owns its services.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop<'a> {
    orders: &'a str,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop<'_>, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
