//! A step returns a `Result`, or an alias of one: what an alias stands for is looked into, whatever it is called. Nothing
//! false is said of what is made of it.

use saga::{StepError, saga, step};
use saga_ui_tests::{Order, Payment};

#[saga(steps(create_order -> charge))]
struct Shop;

type ShopResult<T> = Option<T>;

#[step(compensate = cancel_order, verify = find_order)]
async fn create_order(_shop: &Shop, _cart: &u64) -> ShopResult<Order> {
    todo!()
}

async fn cancel_order(_shop: &Shop, _order: &Order) -> Result<(), StepError> {
    todo!()
}

async fn find_order(_shop: &Shop, _cart: &u64) -> Result<Option<Order>, StepError> {
    todo!()
}

#[step(compensate = none)]
async fn charge(_shop: &Shop, _order: &Order) -> Result<Payment, StepError> {
    todo!()
}

fn main() {}
