//! A saga whose flow cannot be read can be named where it is used: nothing false is said there.

use saga::{Coordinator, MemoryStore, Saga, StepError, saga, step};
use saga_ui_tests::Order;

#[saga(steps(+))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

pub async fn run() {
    let coordinator = Coordinator::builder(MemoryStore::new()).saga(Shop).build().await.unwrap();
    drop(coordinator);
    println!("{}", Shop::definition().mermaid());
}

fn main() {}
