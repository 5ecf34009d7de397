//! The error of a step is classified, also a foreign one.

use saga::{saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, std::io::Error> {
    todo!()
}

fn main() {}
