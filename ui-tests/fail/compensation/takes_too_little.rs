//! A compensation takes all that it is given. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = cancel_order(output, cart))]
async fn create_order(_shop: &Shop, cart: &u64) -> Result<Order, StepError> {
    todo!("{cart}")
}

async fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
