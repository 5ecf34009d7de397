//! A step has one parameter for each of its sources.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps(create_order -> reserve -> charge))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _order: &Order) -> Result<Reservation, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _stock: &Reservation, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
