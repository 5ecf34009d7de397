//! An output is recorded, and so it is `Serialize`.

use saga::{StepError, saga, step};

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Deserialize)]
struct Order;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
