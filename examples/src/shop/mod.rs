//! The shop around the order saga: orders as they come in, and the four services that the steps call.
//!
//! The services stand for programs on other machines. All they share is the ledger, a `SQLite` file of their own: it
//! outlives a crash of the example, and so shows whether anybody was charged twice.

mod inventory;
mod ledger;
mod mailer;
mod orders;
mod payments;
mod request;
mod trouble;

pub use inventory::{CATALOGUE, InventoryError, InventoryService, Reservation};
pub use ledger::{Ledger, LedgerError};
pub use mailer::{HasMailer, MailError, Mailer};
pub use orders::{Confirmation, Order, OrderError, OrderService};
pub use payments::{Payment, PaymentError, PaymentService};
pub use request::{Address, Item, OrderRequest, euros, order_stream};
pub use trouble::{Trouble, Troubles};

use std::time::Duration;

/// The way to a service and back: some milliseconds.
async fn latency() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(4..25))).await;
}

/// Longer than anybody waits for an answer.
async fn silence() {
    tokio::time::sleep(Duration::from_mins(10)).await;
}
