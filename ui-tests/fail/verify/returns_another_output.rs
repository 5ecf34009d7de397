//! `verify` returns the step's output, or `None` where it didn't happen.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(charge))]
struct Shop;

#[step(pivot, verify = find_payment)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

async fn find_payment(_shop: &Shop, _cart: &u64) -> Result<Option<Order>, StepError> {
    todo!()
}

fn main() {}
