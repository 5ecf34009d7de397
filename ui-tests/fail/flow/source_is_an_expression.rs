//! A source is a name: a step takes a whole output.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge(create_order.id)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
