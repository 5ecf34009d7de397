//! The outputs so far show each output that is `Debug`, and ask it of none.

use saga::{StepError, saga, step};
use saga_ui_tests::Order;
use serde::{Deserialize, Serialize};

#[saga(steps(create_order -> seal))]
struct Shop;

#[derive(Serialize, Deserialize)]
struct Sealed;

#[step(compensate = none)]
async fn create_order(_shop: &Shop, id: &u64) -> Result<Order, StepError> {
    Ok(Order { id: *id })
}

#[step(compensate = none)]
async fn seal(_shop: &Shop, _order: &Order) -> Result<Sealed, StepError> {
    Ok(Sealed)
}

fn main() {
    let mut outputs = ShopOutputs { create_order: Some(Order { id: 7 }), seal: None };
    assert_eq!(format!("{outputs:?}"), "ShopOutputs { create_order: Some(Order { id: 7 }), seal: None }");
    outputs.seal = Some(Sealed);
    assert_eq!(format!("{outputs:?}"), "ShopOutputs { create_order: Some(Order { id: 7 }), seal: Some(..) }");
}
