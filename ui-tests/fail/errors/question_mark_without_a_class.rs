//! A foreign error becomes a `StepError` by a word that classifies it. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    let id = std::fs::read_to_string("id")?;
    Ok(Order { id: id.len() as u64 })
}

fn main() {}
