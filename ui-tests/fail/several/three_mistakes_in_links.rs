//! All links of one saga are checked.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps(create_order -> reserve -> charge -> confirm))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _cart: &u64) -> Result<Reservation, StepError> {
    todo!()
}

#[step(pivot)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

#[step(retriable)]
async fn confirm(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
