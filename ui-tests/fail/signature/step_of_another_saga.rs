//! A step belongs to the saga that its first parameter names.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge))]
struct Shop;

struct Warehouse;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_warehouse: &Warehouse, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
