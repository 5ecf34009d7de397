//! What a saga ends with goes from thread to thread.

use saga::{StepError, saga, step};
use std::rc::Rc;

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    #[serde(skip)]
    count: Rc<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
