//! A step is generic over what its saga names.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step(compensate = none)]
async fn create_order<T: Sync>(_shop: &Shop, _cart: &T) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
