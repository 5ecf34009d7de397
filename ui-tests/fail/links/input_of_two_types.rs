//! All steps that take the saga's input agree on its type.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Reservation};

#[saga(steps(create_order -> reserve(input)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _cart: &String) -> Result<Reservation, StepError> {
    todo!()
}

fn main() {}
