//! The links of a generic saga are checked where it is written, and not where it is used.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment, Reservation};

pub trait Gateway: Send + Sync + 'static {}

#[saga(steps(create_order -> charge))]
struct Shop<G: Gateway> {
    gateway: G,
}

#[step(compensate = none)]
async fn create_order<G: Gateway>(_shop: &Shop<G>, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge<G: Gateway>(_shop: &Shop<G>, _stock: &Reservation) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
