//! `verify` takes what its step takes, and names none of it.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, verify = find_payment(cart))]
async fn charge(_shop: &Shop, cart: &u64) -> Result<Payment, StepError> {
    todo!("{cart}")
}

async fn find_payment(_shop: &Shop, _cart: &u64) -> Result<Option<Payment>, StepError> {
    todo!()
}

fn main() {}
