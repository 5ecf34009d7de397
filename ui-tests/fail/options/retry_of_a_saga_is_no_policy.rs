//! `retry` is a retry policy. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge), retry = 3)]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
