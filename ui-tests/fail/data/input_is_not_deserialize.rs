//! A saga's input is read back after a crash, and so it is `DeserializeOwned`.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Serialize)]
struct Cart;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &Cart) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
