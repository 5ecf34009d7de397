//! All mistakes of one saga are reported at once: of its words, of its kinds, of its types.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps(create_order -> reserve(invoice) -> charge(create_order) -> confirm(charge)))]
struct Shop;

#[step(retriable)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn reserve(_shop: &Shop, _order: &Order) -> Result<Reservation, StepError> {
    todo!()
}

#[step(pivot)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

#[step(retriable)]
async fn confirm(_shop: &Shop, _stock: &Reservation) -> Result<(), StepError> {
    todo!()
}

fn main() {}
