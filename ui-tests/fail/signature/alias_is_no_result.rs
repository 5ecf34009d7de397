//! A step returns a `Result`, also behind an alias.

use saga::{saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

type OrderResult = Option<Order>;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> OrderResult {
    todo!()
}

fn main() {}
