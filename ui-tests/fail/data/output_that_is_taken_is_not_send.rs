//! An output goes from thread to thread: it is refused where it is made, and not again where it is taken, looked for or
//! undone.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;
use std::rc::Rc;

#[saga(steps(create_order -> charge))]
struct Shop;

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    #[serde(skip)]
    count: Rc<u64>,
}

#[step(compensate = cancel_order, verify = find_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

async fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

async fn find_order(_shop: &Shop, _cart: &u64) -> Result<Option<Order>, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
