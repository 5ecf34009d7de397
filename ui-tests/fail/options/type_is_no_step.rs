//! A step of the flow is marked as one.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order -> Charge))]
struct Shop;

struct Charge;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
