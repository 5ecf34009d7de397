//! A saga's input goes from thread to thread.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use std::rc::Rc;

#[saga(steps(create_order))]
struct Shop;

#[derive(serde::Serialize, serde::Deserialize)]
struct Cart {
    #[serde(skip)]
    count: Rc<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &Cart) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
