//! A step is a free function.

use saga::{StepError, step};
use saga_ui_tests::Order;

struct Shop;

impl Shop {
    #[step(compensate = none)]
    async fn create_order(&self, _cart: &u64) -> Result<Order, StepError> {
        todo!()
    }
}

fn main() {}
