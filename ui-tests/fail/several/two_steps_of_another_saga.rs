//! Each step of another saga is told so once, also where later steps take its output.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

#[saga(steps(create_order -> reserve -> charge(reserve, create_order)))]
struct Shop;

struct Warehouse;

#[step(compensate = none)]
async fn create_order(_warehouse: &Warehouse, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = cancel_reservation)]
async fn reserve(_warehouse: &Warehouse, _order: &Order) -> Result<Reservation, StepError> {
    todo!()
}

async fn cancel_reservation(_warehouse: &Warehouse, _stock: &Reservation) -> Result<(), StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _stock: &Reservation, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
