//! `retry_if` is a function that exists. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, retry_if = is_worth_it)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
