//! The pivot stands alone in its stage.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps((create_order & charge)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
