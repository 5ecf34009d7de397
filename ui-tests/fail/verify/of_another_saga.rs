//! A `verify` belongs to its step's saga. Its first parameter may be several types, so the words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, verify = find_payment)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

struct Warehouse;

async fn find_payment(_warehouse: &Warehouse, _cart: &u64) -> Result<Option<Payment>, StepError> {
    todo!()
}

fn main() {}
