//! The future of a `verify` goes from thread to thread. The words are the compiler's own.

use saga::{StepError, saga, step};
use saga_ui_tests::Payment;

#[saga(steps(charge))]
struct Shop;

#[step(pivot, verify = find_payment)]
async fn charge(_shop: &Shop, _cart: &u64) -> Result<Payment, StepError> {
    todo!()
}

async fn find_payment(_shop: &Shop, _cart: &u64) -> Result<Option<Payment>, StepError> {
    let count = std::rc::Rc::new(1);
    std::future::ready(()).await;
    println!("{count}");
    Ok(None)
}

fn main() {}
