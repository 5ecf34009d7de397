//! The new name of a step is a name, and not a text.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order as "first"))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
