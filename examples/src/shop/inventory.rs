//! The warehouse.

use rusqlite::{OptionalExtension, Transaction, params};
use saga::Failure;
use serde::{Deserialize, Serialize};

use super::ledger::note_call;
use super::{Ledger, LedgerError, Order, Trouble, Troubles, latency};

/// What the warehouse has, when its books begin.
pub const CATALOGUE: [(&str, u64); 6] = [
    ("bread-knife", 20),
    ("cast-iron-pan", 15),
    ("linen-apron", 40),
    ("oak-board", 25),
    ("signed-cookbook", 1),
    ("tea-kettle", 30),
];

/// Stock that is put aside for an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reservation {
    /// The number of the order.
    pub order: String,
    /// How many pieces.
    pub pieces: u64,
}

/// What the warehouse may answer instead.
#[derive(Debug, thiserror::Error, Failure)]
pub enum InventoryError {
    /// Nothing happened; later it may.
    #[error("the warehouse's books are closed: {0}")]
    #[failure(transient)]
    Closed(#[from] LedgerError),
    /// Nothing happened; later it may.
    #[error("the warehouse doesn't pick up the phone")]
    #[failure(transient)]
    Down,
    /// There is not enough.
    #[error("{wanted} of `{sku}` ordered, {available} left")]
    #[failure(business = "OUT_OF_STOCK")]
    OutOfStock {
        /// The article.
        sku: String,
        /// How many are wanted.
        wanted: u64,
        /// How many are there.
        available: u64,
    },
    /// A call that comes after its own undo.
    #[error("the stock for order {0} was released already")]
    #[failure(permanent)]
    Released(String),
}

/// Keeps the stock. Each call may be repeated: the order's number is the key.
#[derive(Debug, Clone)]
pub struct InventoryService {
    ledger: Ledger,
    troubles: Troubles,
}

impl InventoryService {
    /// The service over these books, with these troubles.
    #[must_use]
    pub fn new(ledger: &Ledger, troubles: &Troubles) -> Self {
        Self { ledger: ledger.clone(), troubles: troubles.clone() }
    }

    /// Puts the stock for an order aside: all of it, or nothing.
    pub async fn reserve(&self, order: &Order) -> Result<Reservation, InventoryError> {
        latency().await;
        let pieces = order.items.iter().map(|item| item.quantity).sum();
        let reservation = Reservation { order: order.id.clone(), pieces };
        let order = order.clone();
        self.ledger.write(move |writing| reserve(writing, &order)).await?;
        Ok(reservation)
    }

    /// Puts the stock of an order back on the shelf.
    pub async fn release(&self, reservation: &Reservation) -> Result<(), InventoryError> {
        latency().await;
        let order = reservation.order.clone();
        let fails_always = self.troubles.has(&order, Trouble::ReleaseFails);
        let fails_once = self.troubles.has(&order, Trouble::ReleaseFailsOnce);
        let number = self
            .ledger
            .write(move |writing| {
                let number = note_call(writing, "release stock", &order)?;
                if !fails_always && (!fails_once || number > 1) {
                    release(writing, &order)?;
                }
                Ok::<_, InventoryError>(number)
            })
            .await?;
        if fails_always || (fails_once && number == 1) { Err(InventoryError::Down) } else { Ok(()) }
    }
}

fn reserve(writing: &Transaction<'_>, order: &Order) -> Result<(), InventoryError> {
    note_call(writing, "reserve stock", &order.id)?;
    let known = "SELECT status FROM reservations WHERE order_id = ?1";
    let known = writing.query_row(known, [&order.id], |row| row.get::<_, String>(0)).optional();
    match known?.as_deref() {
        None => {}
        Some("held") => return Ok(()),
        // An attempt that was given up long ago, and arrives only now.
        Some(_) => return Err(InventoryError::Released(order.id.clone())),
    }
    for item in &order.items {
        let available = "SELECT available FROM stock WHERE sku = ?1";
        let available: Option<u64> =
            writing.query_row(available, [&item.sku], |row| row.get(0)).optional()?;
        let (wanted, available) = (item.quantity, available.unwrap_or(0));
        if available < wanted {
            // The transaction is dropped, and with it what was put aside for the items before.
            return Err(InventoryError::OutOfStock { sku: item.sku.clone(), wanted, available });
        }
        let take = "UPDATE stock SET available = available - ?2 WHERE sku = ?1";
        writing.execute(take, params![item.sku, wanted])?;
        let hold = "INSERT INTO reservations (order_id, sku, quantity, status) VALUES (?1, ?2, ?3, 'held')";
        writing.execute(hold, params![order.id, item.sku, wanted])?;
    }
    Ok(())
}

fn release(writing: &Transaction<'_>, order: &str) -> Result<(), LedgerError> {
    let back = "UPDATE stock SET available = available + held.quantity
        FROM (SELECT sku, quantity FROM reservations WHERE order_id = ?1 AND status = 'held') AS held
        WHERE stock.sku = held.sku";
    writing.execute(back, [order])?;
    writing.execute("UPDATE reservations SET status = 'released' WHERE order_id = ?1", [order])?;
    Ok(())
}
