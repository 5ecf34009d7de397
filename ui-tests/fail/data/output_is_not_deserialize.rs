//! An output is read back after a crash, and so it is `DeserializeOwned`.

use saga::{StepError, saga, step};

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Serialize)]
struct Order;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
