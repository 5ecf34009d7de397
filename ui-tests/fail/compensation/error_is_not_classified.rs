//! The error of a compensation is classified.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = cancel_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

async fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), std::io::Error> {
    todo!()
}

fn main() {}
