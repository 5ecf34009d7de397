//! The order service.

use rusqlite::params;
use saga::Failure;
use serde::{Deserialize, Serialize};

use super::ledger::note_call;
use super::{Item, Ledger, LedgerError, OrderRequest, latency};

/// An order in the order service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: String,
    /// Who ordered.
    pub customer: String,
    /// What.
    pub items: Vec<Item>,
    /// What it costs, in cents.
    pub total_cents: u64,
}

/// What the customer holds in hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmation {
    /// The number of the order.
    pub order: String,
    /// What it says.
    pub text: String,
}

/// What the order service may answer instead.
#[derive(Debug, thiserror::Error, Failure)]
pub enum OrderError {
    /// Nothing happened; later it may.
    #[error("the order service is down: {0}")]
    #[failure(transient)]
    Down(#[from] LedgerError),
}

/// Knows the orders. Each call may be repeated: the order's number is the key.
#[derive(Debug, Clone)]
pub struct OrderService {
    ledger: Ledger,
}

impl OrderService {
    /// The service over these books.
    #[must_use]
    pub fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone() }
    }

    /// Opens an order.
    pub async fn create(&self, request: &OrderRequest) -> Result<Order, OrderError> {
        latency().await;
        let OrderRequest { id, customer, items, total_cents, .. } = request.clone();
        let order = Order { id, customer, items, total_cents };
        let answer = order.clone();
        let create = "INSERT OR IGNORE INTO orders (id, customer, total_cents, status)
            VALUES (?1, ?2, ?3, 'open')";
        self.ledger
            .write(move |writing| {
                note_call(writing, "create order", &order.id)?;
                writing.execute(create, params![order.id, order.customer, order.total_cents])?;
                Ok::<_, OrderError>(())
            })
            .await?;
        Ok(answer)
    }

    /// Cancels an order.
    pub async fn cancel(&self, order: &Order) -> Result<(), OrderError> {
        self.change("cancel order", order, "cancelled").await
    }

    /// Confirms an order.
    pub async fn confirm(&self, order: &Order) -> Result<Confirmation, OrderError> {
        self.change("confirm order", order, "confirmed").await?;
        let pieces: u64 = order.items.iter().map(|item| item.quantity).sum();
        Ok(Confirmation { order: order.id.clone(), text: format!("sent off, pieces: {pieces}") })
    }

    async fn change(
        &self,
        call: &'static str,
        order: &Order,
        status: &'static str,
    ) -> Result<(), OrderError> {
        latency().await;
        let id = order.id.clone();
        self.ledger
            .write(move |writing| {
                note_call(writing, call, &id)?;
                let change = "UPDATE orders SET status = ?2 WHERE id = ?1 AND status IN ('open', ?2)";
                writing.execute(change, params![id, status])?;
                Ok(())
            })
            .await
    }
}
