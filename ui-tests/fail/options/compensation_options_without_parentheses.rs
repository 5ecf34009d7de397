//! What is set for a compensation stands in parentheses.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(compensate = refund, compensation = secs(5))]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

async fn refund(_shop: &Shop, _payment: &Payment) -> Result<(), StepError> {
    todo!()
}

fn main() {}
