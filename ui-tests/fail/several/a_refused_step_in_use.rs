//! A step that is refused can be called: nothing false is said there.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(create_order))]
struct Shop;

#[step]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

pub async fn run() {
    let order: Order = create_order(&Shop, &12).await.unwrap();
    drop(order);
    let _ = saga::run(&Shop, 12).await;
}

fn main() {}
