//! A saga's input is recorded, and so it is `Serialize` and `DeserializeOwned`.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

struct Cart;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &Cart) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
