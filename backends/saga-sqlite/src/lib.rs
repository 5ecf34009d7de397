//! Keeps the sagas of one process in one `SQLite` file.
//!
//! ```no_run
//! # async fn open() -> Result<(), saga::StoreError> {
//! use saga_sqlite::SqliteStore;
//!
//! let store = SqliteStore::open("orders.db").await?;
//! # Ok(()) }
//! ```
//!
//! What was appended survives the crash of the process and of the machine: the file is in WAL mode with
//! `synchronous = FULL`. One process at a time has it open; when that is killed, the next takes everything over at
//! once. `sqlite3 orders.db 'SELECT * FROM saga_overview'` shows how the sagas stand, also while they run.

mod append;
mod claim;
mod error;
mod list;
mod lock;
mod options;
mod queries;
mod readers;
mod requests;
mod rows;
mod schema;
mod store;
mod writer;

pub use options::{Durability, SqliteOptions};
pub use store::SqliteStore;
