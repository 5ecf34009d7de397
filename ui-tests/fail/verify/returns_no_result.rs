//! A `verify` returns a `Result`.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, verify = find_payment)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

async fn find_payment(_shop: &Shop, _cart: &u64) -> Option<Payment> {
    todo!()
}

fn main() {}
