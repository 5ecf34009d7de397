//! A step returns a `Result`.

use saga::{saga, step};

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) {
    todo!()
}

fn main() {}
