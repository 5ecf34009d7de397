//! A saga that is refused can be named where it is used: nothing false is said there.

use saga::{Coordinator, MemoryStore, Saga, StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge(invoice)))]
struct Shop;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, _cart: &u64) -> Result<Order, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

pub async fn run() {
    let coordinator = Coordinator::builder(MemoryStore::new()).saga(Shop).build().await.unwrap();
    let order = coordinator.start::<Shop>(12).await.unwrap();
    let outcome = order.outcome().await.unwrap();
    let payment: Option<Payment> = outcome.completed();
    drop(payment);
    let _ = saga::run(&Shop, 12).await;
    let _ = coordinator.inspect::<Shop>(order.id()).await.unwrap().unwrap().outputs.create_order;
    println!("{}", Shop::definition().mermaid());
    println!("{:?}", ShopStep::CreateOrder);
}

fn main() {}
