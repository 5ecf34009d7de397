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
//!
//! [`SqliteStore`] has a whole program, [`SqliteOptions`] the settings. Give it the path of a local disk: locks and WAL
//! files of network file systems are not to be relied on. A copy for a backup is made by `sqlite3 orders.db '.backup
//! copy.db'`, and never by copying the file while it is open, which leaves out what is in the WAL.
//!
//! | for people | shows |
//! |---|---|
//! | `saga_overview` | a row a saga: its state, steps done and undone, the last error, key, labels and times |
//! | `saga_events` | a row an event, in the order in which they were written |
//!
//! They are to be read. Whoever writes to these tables by hand breaks journals; [`retry`](saga::Coordinator::retry),
//! [`skip`](saga::Coordinator::skip), [`supply`](saga::Coordinator::supply) and
//! [`abandon`](saga::Coordinator::abandon) move a parked saga. Another process may look at the file, and ask things of its
//! sagas, while it is open: [`SqliteOptions::beside`].

mod append;
mod claim;
mod error;
mod list;
mod lock;
mod options;
mod outbox;
mod queries;
mod readers;
mod requests;
mod rows;
mod schema;
mod shapes;
mod store;
mod writer;

pub use options::{Durability, SqliteOptions};
pub use store::SqliteStore;
