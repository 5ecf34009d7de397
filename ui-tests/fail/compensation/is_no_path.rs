//! `compensate` is a path, a path with what it takes, or `none`.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(compensate = |payment| refund(payment))]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
