//! Keeps the sagas of many processes in one `PostgreSQL` database.
//!
//! ```no_run
//! # async fn open() -> Result<(), saga::StoreError> {
//! use saga_postgres::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://shop@db.example/shop").await?;
//! # Ok(()) }
//! ```
//!
//! Any number of coordinators share it, with nothing of ours to be run beside it. What was appended survives what a
//! commit of the database survives: keep its `synchronous_commit = on` and `fsync = on`. It needs `PostgreSQL` 13 or
//! later, and keeps its tables in a schema of their own: `SELECT * FROM saga.overview` shows how the sagas stand.
//!
//! # Counts
//!
//! [`counts`](saga::store::QueryStore::counts), and with it `health()`, are exact and cost the same however many sagas
//! have ended: each change of a state leaves a small row in `tallies`, with the change, and the sum is the count. The
//! heartbeats make few rows of many. Whoever changes or deletes rows of `sagas` by hand has to leave such rows too.
//!
//! # The order of events
//!
//! A publisher must see every event once, also one whose transaction began before another and commits after it. So
//! the position of an entry is the number of its transaction, and [`events`](saga::store::QueryStore::events) shows
//! only entries below the oldest transaction that is still under way, `pg_snapshot_xmin(pg_current_snapshot())`: what
//! is not there below that will never be. No lock is taken for it. A transaction that writes and stays open for long,
//! of whatever program on that server, holds the events back meanwhile, and nothing else.

mod append;
mod claim;
mod connect;
mod database;
mod error;
mod list;
mod options;
mod outbox;
mod queries;
mod rows;
mod schema;
mod shapes;
mod start;
mod store;
mod wake;

pub use options::PostgresOptions;
pub use start::StartInError;
pub use store::PostgresStore;
