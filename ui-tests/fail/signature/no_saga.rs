//! The first parameter of a step is its saga.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order() -> Result<Order, StepError> {
    todo!()
}

fn main() {}
