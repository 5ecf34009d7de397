//! The options of a compensation are for a step that has one.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, compensation(timeout = secs(5)))]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
