//! The timeout of a compensation is a `Duration`. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(compensate = refund, compensation(timeout = 5))]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

async fn refund(_shop: &Shop, _payment: &Payment) -> Result<(), StepError> {
    todo!()
}

fn main() {}
