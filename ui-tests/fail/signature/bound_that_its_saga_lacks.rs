//! A generic step asks for no more than its saga's struct does.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

pub trait Gateway: Send + Sync + 'static {}

#[saga(steps(create_order))]
struct Shop<G> {
    gateway: G,
}

#[step(compensate = none)]
async fn create_order<G: Gateway>(_shop: &Shop<G>, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

fn main() {}
