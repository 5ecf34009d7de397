//! A compensation belongs to its step's saga. Its first parameter may be several types, so the
//! words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = cancel_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

struct Warehouse;

async fn cancel_order(_warehouse: &Warehouse, _order: &Order) -> Result<(), StepError> {
    todo!()
}

fn main() {}
