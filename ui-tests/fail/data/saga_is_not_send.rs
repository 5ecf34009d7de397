//! A saga's services go from thread to thread.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use std::rc::Rc;

#[saga(steps(create_order))]
struct Shop {
    orders: Rc<u64>,
}

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
