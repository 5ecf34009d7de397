//! The flow stands in parentheses.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps = charge)]
struct Shop;

#[step(pivot)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
