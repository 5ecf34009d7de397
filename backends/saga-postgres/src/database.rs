//! The one way to the database: a statement on a connection of the pool, retried where that is safe.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use saga::store::StoreResult;
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::SqlError;

/// A parameter of a statement.
pub(crate) type Value<'a> = &'a (dyn ToSql + Sync);

/// When a statement whose connection was lost may be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Always: it reads, or it does the same again.
    Always,
    /// Only where the database says, or it is clear, that nothing of it was done.
    IfUndone,
}

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) pool: Pool,
    /// The quoted name of the schema.
    pub(crate) schema: String,
    /// Where it is, for messages.
    pub(crate) place: String,
    pub(crate) statement_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) backoff: Duration,
}

/// An answer is waited for so much longer than the statement may take: the server speaks first.
const GRACE: Duration = Duration::from_secs(5);

/// As often is a statement tried again at once that met another's at a place in a journal. Each try sees who was faster.
const RACES_MAX: u32 = 16;

/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

impl Database {
    /// The rows of one statement, which is its own transaction. `{s}` in it is the schema. No connection is held once
    /// it returned.
    pub(crate) async fn query(
        &self,
        repeat: Repeat,
        statement: &str,
        values: &[Value<'_>],
    ) -> StoreResult<Vec<Row>> {
        let statement = statement.replace("{s}", &self.schema);
        let mut delay = self.backoff;
        let (mut tries, mut races) = (0, 0);
        loop {
            let (error, is_sent) = match self.try_query(&statement, values).await {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
            if error.is_race() && races < RACES_MAX {
                races += 1;
                continue;
            }
            let is_repeatable =
                error.is_undone() || (error.is_connection_lost() && (repeat == Repeat::Always || !is_sent));
            if tries >= self.retries || !is_repeatable {
                return Err(error.told(&self.place));
            }
            tracing::debug!(?error, tries, "a statement is tried again");
            tries += 1;
            sleep(delay).await;
            delay = delay.saturating_mul(2).min(BACKOFF_MAX);
        }
    }

    /// One try; with an error, whether the statement may have reached the database.
    async fn try_query(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<Row>, (SqlError, bool)> {
        let client = self.pool.get().await.map_err(|error| (SqlError::from(error), false))?;
        let patience = self.statement_timeout + GRACE;
        let prepared = match timeout(patience, client.prepare_cached(statement)).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(error)) => return Err((error.into(), false)),
            Err(_) => return Err((abandoned(client), false)),
        };
        match timeout(patience, client.query(&prepared, values)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err((error.into(), true)),
            Err(_) => Err((abandoned(client), true)),
        }
    }
}

/// Takes a connection whose answer nobody waits for out of its pool.
fn abandoned(client: Object) -> SqlError {
    drop(Object::take(client));
    SqlError::Silent
}
