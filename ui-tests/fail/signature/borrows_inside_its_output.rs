//! An output outlives its step, and so it borrows nothing.

use saga::{StepError, saga, step};
use std::borrow::Cow;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order<'a>(_shop: &Shop, cart: &'a String) -> Result<Cow<'a, str>, StepError> {
    Ok(Cow::Borrowed(cart))
}

fn main() {}
