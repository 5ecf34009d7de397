//! A step is `async`, and no function that returns a future.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
fn create_order(_shop: &Shop, _cart: &u64) -> impl Future<Output = Result<Order, StepError>> + Send {
    async { todo!() }
}

fn main() {}
