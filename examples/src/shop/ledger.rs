//! The books of the services: a `SQLite` file, as durable as the sagas themselves.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::CATALOGUE;

/// The books. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    connection: Arc<Mutex<Connection>>,
}

/// Books that cannot be read or written.
pub type LedgerError = rusqlite::Error;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id          TEXT PRIMARY KEY,
        customer    TEXT NOT NULL,
        total_cents INTEGER NOT NULL,
        status      TEXT NOT NULL CHECK (status IN ('open', 'confirmed', 'cancelled'))
    ) STRICT;
    CREATE TABLE IF NOT EXISTS stock (
        sku       TEXT PRIMARY KEY,
        initial   INTEGER NOT NULL,
        available INTEGER NOT NULL CHECK (available >= 0)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS reservations (
        order_id TEXT NOT NULL,
        sku      TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        status   TEXT NOT NULL CHECK (status IN ('held', 'released')),
        PRIMARY KEY (order_id, sku)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS payments (
        key          TEXT PRIMARY KEY,
        order_id     TEXT NOT NULL,
        amount_cents INTEGER NOT NULL,
        status       TEXT NOT NULL CHECK (status IN ('charged', 'void'))
    ) STRICT;
    CREATE TABLE IF NOT EXISTS notifications (
        order_id TEXT PRIMARY KEY,
        text     TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS calls (
        service  TEXT NOT NULL,
        order_id TEXT NOT NULL,
        count    INTEGER NOT NULL,
        PRIMARY KEY (service, order_id)
    ) STRICT;
";

impl Ledger {
    /// Opens the books in this file; new ones begin with the stock of the catalogue.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut connection = Connection::open(path)?;
        // What a service said yes to survives the loss of power, not only of the process.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        writing.execute_batch(SCHEMA)?;
        for (sku, quantity) in CATALOGUE {
            let insert = "INSERT OR IGNORE INTO stock (sku, initial, available) VALUES (?1, ?2, ?2)";
            writing.execute(insert, params![sku, quantity])?;
        }
        writing.commit()?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Does `work` in one transaction: all of it is durable once this returned, or nothing of it happened.
    ///
    /// Whoever stops waiting doesn't stop the work: a call that is on its way arrives. That is what makes an
    /// attempt that ended without an answer an attempt in doubt.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let writing = writing?;
            let answer = work(&writing)?;
            writing.commit()?;
            Ok(answer)
        });
        done.await.expect("no work on the ledger panics, and none is aborted")
    }

    /// Reads all at once what `question` asks for.
    pub fn read<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        question(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Notes a call of `service`, and says which one of this order it is, from 1. Kept in the ledger, so that what the
/// script of an order says of "the first two calls" holds across a crash.
pub(super) fn note_call(writing: &Transaction<'_>, service: &str, order: &str) -> Result<u64, LedgerError> {
    let count = "INSERT INTO calls (service, order_id, count) VALUES (?1, ?2, 1)
        ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count";
    writing.query_row(count, params![service, order], |row| row.get(0))
}
