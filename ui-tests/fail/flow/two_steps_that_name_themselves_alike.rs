//! Each step of a saga has a name of its own, also one that it gives itself with `name`.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge))]
struct Shop;

#[step(compensate = none, name = "order")]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none, name = "order")]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
