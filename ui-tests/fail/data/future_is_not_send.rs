//! A step goes from thread to thread while it waits. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use std::rc::Rc;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    let count = Rc::new(1);
    std::future::ready(()).await;
    Ok(Order { id: *count })
}

fn main() {}
