//! A saga's input and outputs are no more private than it is: who starts it sees them. The words are the compiler's own.

use saga::{StepError, saga, step};

mod shop {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Order;

    #[saga(steps(create_order))]
    pub(crate) struct Shop;

    #[step(compensate = none)]
    async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
        todo!()
    }
}

fn main() {
    _ = shop::Shop;
}
