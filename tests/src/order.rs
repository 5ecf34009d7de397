//! The order saga, over services that a test moves.

use saga::{Failure, FailureKind, StepContext, StepError, saga, step};
use serde::{Deserialize, Serialize};

use crate::services::{Services, staffed};

/// The order saga: its services, and the way through its steps.
#[derive(Debug, Clone, Default)]
#[saga(
    steps(
        create_order
        -> reserve_inventory
        -> process_payment(reserve_inventory, create_order)
        -> (confirm_order(create_order) & notify(create_order))
    ),
    timeout = minutes(30),
    retry = exponential(3, secs(1), secs(10)),
    compensation = sequential(secs(30)),
)]
pub struct OrderProcessing {
    services: Services,
}

staffed!(OrderProcessing);

/// What a customer wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderRequest {
    /// In cents.
    pub total_amount: u64,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// In cents.
    pub total_amount: u64,
}

/// Goods on hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// What they are worth.
    pub worth: u64,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// In cents.
    pub amount: u64,
}

/// A confirmed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// In cents.
    pub paid: u64,
}

/// What goes wrong with orders and goods.
#[derive(Debug, thiserror::Error, Failure)]
pub enum ShopError {
    /// Nobody answers.
    #[error("the service is down")]
    #[failure(transient)]
    Down,
    /// Sold out, say.
    #[error("not to be had")]
    #[failure(business = "OUT_OF_STOCK")]
    OutOfStock,
    /// It may have been done.
    #[error("no answer in time")]
    #[failure(in_doubt)]
    NoAnswer,
}

/// What goes wrong with payments.
#[derive(Debug, thiserror::Error, Failure)]
pub enum PaymentError {
    /// Later, perhaps.
    #[error("gateway busy")]
    #[failure(transient)]
    Busy,
    /// Never.
    #[error("card declined: {0}")]
    #[failure(business = "CARD_DECLINED")]
    Declined(String),
    /// It may have been paid.
    #[error("no answer in time")]
    #[failure(in_doubt)]
    NoAnswer,
}

impl From<StepError> for ShopError {
    fn from(error: StepError) -> Self {
        match error.kind() {
            FailureKind::Transient => Self::Down,
            FailureKind::InDoubt => Self::NoAnswer,
            FailureKind::Business | FailureKind::Permanent => Self::OutOfStock,
        }
    }
}

impl From<StepError> for PaymentError {
    fn from(error: StepError) -> Self {
        match error.kind() {
            FailureKind::Transient => Self::Busy,
            FailureKind::InDoubt => Self::NoAnswer,
            FailureKind::Business | FailureKind::Permanent => Self::Declined("no funds".to_owned()),
        }
    }
}

/// Creates the order in the order service.
#[step(compensate = cancel_order, timeout = secs(5), retry = fixed(3, secs(1)))]
async fn create_order(cx: &StepContext<OrderProcessing>, request: &OrderRequest) -> Result<Order, ShopError> {
    cx.serve(cx).await?;
    Ok(Order { total_amount: request.total_amount })
}

async fn cancel_order(cx: &StepContext<OrderProcessing>, order: &Order) -> Result<(), ShopError> {
    assert_eq!(order.total_amount, 1_200);
    Ok(cx.undo(cx).await?)
}

#[step(compensate = release_inventory)]
async fn reserve_inventory(
    cx: &StepContext<OrderProcessing>,
    order: &Order,
) -> Result<Reservation, ShopError> {
    cx.serve(cx).await?;
    Ok(Reservation { worth: order.total_amount })
}

async fn release_inventory(cx: &StepContext<OrderProcessing>, stock: &Reservation) -> Result<(), ShopError> {
    assert_eq!(stock.worth, 1_200);
    Ok(cx.undo(cx).await?)
}

/// Past this point the saga only goes forward.
#[step(pivot, verify = find_payment)]
async fn process_payment(
    cx: &StepContext<OrderProcessing>,
    stock: &Reservation,
    order: &Order,
) -> Result<Payment, PaymentError> {
    assert_eq!(stock.worth, order.total_amount);
    cx.serve(cx).await?;
    Ok(Payment { amount: order.total_amount })
}

/// Asked when an attempt ended without an answer: did the charge happen?
async fn find_payment(
    cx: &StepContext<OrderProcessing>,
    _stock: &Reservation,
    order: &Order,
) -> Result<Option<Payment>, PaymentError> {
    cx.say("find_payment");
    Ok(cx.world.has_effect(cx).then_some(Payment { amount: order.total_amount }))
}

#[step(retriable)]
async fn confirm_order(cx: &StepContext<OrderProcessing>, order: &Order) -> Result<Confirmation, ShopError> {
    cx.serve(cx).await?;
    Ok(Confirmation { paid: order.total_amount })
}

#[step(retriable)]
async fn notify(cx: &StepContext<OrderProcessing>, _order: &Order) -> Result<(), ShopError> {
    Ok(cx.serve(cx).await?)
}
