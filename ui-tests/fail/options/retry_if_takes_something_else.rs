//! `retry_if` is asked about a `StepError`. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none, retry_if = is_worth_it)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn is_worth_it(_attempt: &u32) -> bool {
    todo!()
}

fn main() {}
