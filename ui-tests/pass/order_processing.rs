//! The saga of the README, with everything that one may write.

use std::sync::Mutex;

use saga::{Coordinator, Failure, MemoryStore, Outcome, Saga, StepContext, StepName, saga, step};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct OrderRequest {
    total: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u64,
    total: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reservation {
    order: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Payment {
    key: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Confirmation {
    order: u64,
}

#[derive(Debug, thiserror::Error, Failure)]
enum OrderError {
    #[error("the order service is down")]
    #[failure(transient)]
    Down,
}

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("gateway busy")]
    #[failure(transient)]
    Busy,
    #[error("card declined: {0}")]
    #[failure(business = "CARD_DECLINED")]
    Declined(String),
    #[error("no answer in time")]
    #[failure(in_doubt)]
    NoAnswer,
    #[error(transparent)]
    #[failure(transparent)]
    Order(#[from] OrderError),
}

/// The order saga: its services, and the way through its steps.
#[saga(
    steps(
        create_order
        -> reserve_inventory
        -> process_payment(reserve_inventory, create_order)
        -> (confirm_order(create_order) & notify(create_order))
    ),
    timeout = minutes(30),
    retry = exponential(3, millis(1), millis(10)),
    compensation = sequential(secs(30)),
)]
struct OrderProcessing {
    log: Mutex<Vec<String>>,
}

/// Creates the order in the order service.
#[step(compensate = cancel_order, timeout = secs(5), retry = fixed(3, millis(1)))]
async fn create_order(shop: &OrderProcessing, request: &OrderRequest) -> Result<Order, OrderError> {
    shop.log.lock().unwrap().push("create".to_owned());
    Ok(Order { id: 7, total: request.total })
}

async fn cancel_order(shop: &OrderProcessing, order: &Order) -> Result<(), OrderError> {
    shop.log.lock().unwrap().push(format!("cancel {}", order.id));
    Ok(())
}

#[step(compensate = release_inventory(order, output), compensation(timeout = secs(1), retry = no_retry()))]
async fn reserve_inventory(shop: &OrderProcessing, order: &Order) -> Result<Reservation, OrderError> {
    shop.log.lock().unwrap().push("reserve".to_owned());
    Ok(Reservation { order: order.id })
}

async fn release_inventory(
    shop: &OrderProcessing,
    order: &Order,
    reservation: &Reservation,
) -> Result<(), OrderError> {
    assert_eq!(order.id, reservation.order);
    shop.log.lock().unwrap().push("release".to_owned());
    Ok(())
}

/// Past this point the saga only goes forward.
#[step(pivot, verify = find_payment, at_most_once, metadata(service = "payments"))]
async fn process_payment(
    cx: &StepContext<OrderProcessing>,
    stock: &Reservation,
    order: &Order,
) -> Result<Payment, PaymentError> {
    assert_eq!(stock.order, order.id);
    cx.log.lock().unwrap().push("pay".to_owned());
    match order.total {
        0 => Err(PaymentError::Declined("no funds".to_owned())),
        1 => Err(PaymentError::Busy),
        2 => Err(PaymentError::Order(OrderError::Down)),
        3 => Err(PaymentError::NoAnswer),
        _ => Ok(Payment { key: cx.idempotency_key().to_owned() }),
    }
}

/// Asked when an attempt ended without an answer: did the charge happen?
async fn find_payment(
    _cx: &StepContext<OrderProcessing>,
    _stock: &Reservation,
    _order: &Order,
) -> Result<Option<Payment>, PaymentError> {
    Ok(Some(Payment { key: "found".to_owned() }))
}

#[step(retriable)]
async fn confirm_order(_shop: &OrderProcessing, order: &Order) -> Result<Confirmation, OrderError> {
    Ok(Confirmation { order: order.id })
}

#[step(retriable, name = "tell_customer")]
async fn notify(_shop: &OrderProcessing, _order: &Order) -> Result<(), OrderError> {
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let shop = OrderProcessing { log: Mutex::default() };
    let outcome = saga::run(&shop, OrderRequest { total: 12 }).await;
    assert_eq!(outcome, Outcome::Completed((Confirmation { order: 7 }, ())));

    let shop = OrderProcessing { log: Mutex::default() };
    let Outcome::Compensated(failure) = saga::run(&shop, OrderRequest { total: 0 }).await else {
        panic!("not compensated")
    };
    assert_eq!(failure.code.as_deref(), Some("CARD_DECLINED"));
    assert_eq!(*shop.log.lock().unwrap(), ["create", "reserve", "pay", "release", "cancel 7"]);

    let builder = Coordinator::builder(MemoryStore::new()).saga(OrderProcessing { log: Mutex::default() });
    let coordinator = builder.build().await.unwrap();
    let order = coordinator.start::<OrderProcessing>(OrderRequest { total: 3 }).await.unwrap();
    assert_eq!(order.outcome().await.unwrap().completed(), Some((Confirmation { order: 7 }, ())));
    let inspection = coordinator.inspect::<OrderProcessing>(order.id()).await.unwrap().unwrap();
    assert_eq!(inspection.outputs.process_payment, Some(Payment { key: "found".to_owned() }));

    let definition = OrderProcessing::definition();
    assert_eq!((definition.name.as_ref(), definition.version), ("order-processing", 1));
    assert_eq!(definition.description, "The order saga: its services, and the way through its steps.");
    assert_eq!(definition.steps[4].name, "tell_customer");
    assert_eq!(definition.steps[2].metadata, [("service".into(), "payments".into())]);
    assert!(definition.mermaid().contains("process_payment"));
    assert!(definition.graphviz().contains("process_payment"));
    assert_eq!(OrderProcessingStep::Notify.as_ref(), "tell_customer");
    assert_eq!(OrderProcessingStep::ALL.len(), 5);
}
