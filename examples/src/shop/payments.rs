//! The payment gateway.

use rusqlite::{OptionalExtension, Transaction, params};
use saga::Failure;
use serde::{Deserialize, Serialize};

use super::ledger::note_call;
use super::{Ledger, LedgerError, Order, Trouble, Troubles, latency, silence};

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The key under which it was asked for.
    pub key: String,
    /// How much, in cents.
    pub amount_cents: u64,
}

/// What the gateway may answer instead.
#[derive(Debug, thiserror::Error, Failure)]
pub enum PaymentError {
    /// Nothing happened; later it may.
    #[error("gateway busy")]
    #[failure(transient)]
    Busy,
    /// The bank says no.
    #[error("card declined: {0}")]
    #[failure(business = "CARD_DECLINED")]
    Declined(String),
    /// The line broke, before the call or after it.
    #[error("no answer in time")]
    #[failure(in_doubt)]
    NoAnswer,
    /// A call that comes after the question whether it came.
    #[error("the key was closed, as no charge had come under it")]
    #[failure(permanent)]
    Closed,
    /// The gateway's books are out of reach.
    #[error(transparent)]
    #[failure(transient)]
    Ledger(#[from] LedgerError),
}

/// Charges cards. A charge may be asked for again: the same key, the same charge.
#[derive(Debug, Clone)]
pub struct PaymentService {
    ledger: Ledger,
    troubles: Troubles,
}

impl PaymentService {
    /// The service over these books, with these troubles.
    #[must_use]
    pub fn new(ledger: &Ledger, troubles: &Troubles) -> Self {
        Self { ledger: ledger.clone(), troubles: troubles.clone() }
    }

    /// Charges what the order costs.
    pub async fn charge(&self, key: &str, order: &Order) -> Result<Payment, PaymentError> {
        latency().await;
        let troubles = self.troubles.clone();
        let has = |trouble| self.troubles.has(&order.id, trouble);
        if has(Trouble::CallLost) {
            return Err(PaymentError::NoAnswer);
        }
        let (key, order_id, amount_cents) = (key.to_owned(), order.id.clone(), order.total_cents);
        let write = move |writing: &Transaction<'_>| {
            let number = note_call(writing, "charge card", &order_id)?;
            if troubles.has(&order_id, Trouble::CardDeclined) {
                return Ok(Err(PaymentError::Declined("insufficient funds".to_owned())));
            }
            let is_busy = troubles.has(&order_id, Trouble::GatewayBusy)
                || (number <= 2 && troubles.has(&order_id, Trouble::GatewayBusyTwice));
            if is_busy {
                return Ok(Err(PaymentError::Busy));
            }
            let charge = "INSERT OR IGNORE INTO payments (key, order_id, amount_cents, status)
                VALUES (?1, ?2, ?3, 'charged')";
            writing.execute(charge, params![key, order_id, amount_cents])?;
            Ok(found(writing, &key)?.ok_or(PaymentError::Closed))
        };
        // The refusals are answers too: their calls are in the books.
        let answer = self.ledger.write::<_, LedgerError>(write).await?;
        if has(Trouble::AnswerLate) {
            silence().await;
        }
        answer
    }

    /// The charge under this key, if there was one. If not, the key is closed: a call that is still on its way
    /// must not charge once we have said that nothing was charged.
    pub async fn settle(&self, key: &str, order: &Order) -> Result<Option<Payment>, PaymentError> {
        latency().await;
        let (key, order_id) = (key.to_owned(), order.id.clone());
        self.ledger
            .write(move |writing| {
                note_call(writing, "find payment", &order_id)?;
                let close = "INSERT OR IGNORE INTO payments (key, order_id, amount_cents, status)
                    VALUES (?1, ?2, 0, 'void')";
                writing.execute(close, params![key, order_id])?;
                Ok(found(writing, &key)?)
            })
            .await
    }
}

fn found(writing: &Transaction<'_>, key: &str) -> Result<Option<Payment>, LedgerError> {
    let find = "SELECT amount_cents FROM payments WHERE key = ?1 AND status = 'charged'";
    let amount = writing.query_row(find, [key], |row| row.get(0)).optional()?;
    Ok(amount.map(|amount_cents| Payment { key: key.to_owned(), amount_cents }))
}
