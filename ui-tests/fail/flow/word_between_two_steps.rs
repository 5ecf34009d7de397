//! Between two steps stands an arrow.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge then charge))]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
