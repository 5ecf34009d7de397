//! A saga's input goes from thread to thread, whoever takes it.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};
use std::rc::Rc;

#[saga(steps(create_order -> charge(create_order, input)))]
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

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order, _cart: &Cart) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
