//! Past the pivot nothing is undone.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(charge -> create_order))]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

#[step(compensate = cancel_order)]
async fn create_order(_shop: &Shop, _payment: &Payment) -> Result<Order, StepError> {
    todo!()
}

async fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
