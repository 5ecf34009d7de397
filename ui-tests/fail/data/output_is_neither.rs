//! An output is recorded, and so it is `Serialize` and `DeserializeOwned`.

use saga::{StepError, saga, step};

#[saga(steps(create_order))]
struct Shop;

struct Order;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
