//! A step names the type of its saga, be it a type parameter.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

trait HasOrders {}

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &dyn HasOrders, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
