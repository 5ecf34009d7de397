//! A step names its types.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &impl Send) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
