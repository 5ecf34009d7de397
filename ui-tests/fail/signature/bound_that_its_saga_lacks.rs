//! A generic step asks for no more than its saga's struct does. The words are the compiler's own, as is where it would
//! put the bound: the macro adds some to the struct's.

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
