//! An output goes from thread to thread.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;
use std::rc::Rc;

#[saga(steps(create_order -> charge()))]
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

#[step(compensate = none)]
async fn charge(_shop: &Shop) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
