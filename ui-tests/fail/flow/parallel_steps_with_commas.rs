//! Parallel steps are parted by `&`.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> (charge, charge as again)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
