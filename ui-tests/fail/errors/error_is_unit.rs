//! The error of a step is classified: `()` says nothing.

use saga::{saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, ()> {
    todo!()
}

fn main() {}
