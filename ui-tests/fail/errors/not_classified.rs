//! The error of a step is classified.

use saga::{saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[derive(Debug, thiserror::Error)]
#[error("the order service is down")]
struct Down;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, Down> {
    todo!()
}

fn main() {}
