//! An output outlives its step, and so it borrows nothing.

use saga::{StepError, saga, step};

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order<'a>(_shop: &Shop, cart: &'a String) -> Result<&'a str, StepError> {
    Ok(&cart[1..])
}

fn main() {}
