//! Sagas that start with a transaction of the user's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use saga::store::StoreResult;
use saga::{Coordinator, Saga, SagaHandle, SagaId, StartError, StartOptions, StoreError};
use tokio::time::Instant;
use tokio_postgres::Transaction;

use crate::append::{APPEND, OBSTACLE, Wave};
use crate::error::SqlError;
use crate::rows::{self, RECORD, escape, uuid};
use crate::store::PostgresStore;
use crate::wake::{WORK, channel};

/// A saga that was not started in a transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartInError {
    /// Nothing was written; the transaction is as it was.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database refused, and the transaction can only be rolled back.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartInError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> saga::ErrorCode {
        match self {
            Self::Start(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// When a transaction of a user's was last made to notify: a commit that notifies waits for all others that do.
#[derive(Debug, Default)]
pub(crate) struct LastNotified(Mutex<Option<Instant>>);

/// Between two transactions that notify. Sagas of those between are found with the next, or by polling.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(50);

impl LastNotified {
    /// Whether a transaction may notify now.
    fn take(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_due = last.is_none_or(|last| now.duration_since(last) >= NOTIFY_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl PostgresStore {
    /// Starts a saga in a transaction of yours, on this database: the saga exists if and only if that commits, and is
    /// taken up by a coordinator that is free soon after. The handle is of use after the commit.
    ///
    /// ```no_run
    /// # use saga::{Coordinator, Saga, StartOptions};
    /// # async fn order<Shop: Saga<Input = String>>(
    /// #     store: saga_postgres::PostgresStore, coordinator: Coordinator, client: &mut tokio_postgres::Client,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let transaction = client.transaction().await?;
    /// transaction.execute("INSERT INTO orders (customer) VALUES ($1)", &[&"ada"]).await?;
    /// let order = store.start_in::<Shop>(&coordinator, &transaction, "ada".into(), StartOptions::new()).await?;
    /// transaction.commit().await?;
    /// order.outcome().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`StartInError::Start`] where the saga is not registered, its input cannot be encoded, or its key is taken by a
    ///   saga with another input. With the same input, that saga is joined.
    /// - [`StartInError::Store`] where the database refused; then the transaction can only be rolled back.
    pub async fn start_in<S: Saga>(
        &self,
        coordinator: &Coordinator,
        transaction: &Transaction<'_>,
        input: S::Input,
        options: StartOptions,
    ) -> Result<SagaHandle<S>, StartInError> {
        let draft = coordinator.draft::<S>(&input, &options)?;
        let append = draft.append();
        let wave = Wave::new(std::iter::once(append)).among_others();
        let statement = self.sql(APPEND);
        let written = self.told(transaction.query(&statement, &wave.values()).await)?;
        if !written.is_empty() {
            self.notify_in(transaction).await?;
            return Ok(draft.handle());
        }
        let Some(saga::machine::Event::SagaStarted(started)) = append.events.first() else {
            return Err(StoreError::broken("a draft does not begin with a start").into());
        };
        let key = escape(started.key.as_deref().unwrap_or_default());
        let definition = escape(&started.definition);
        let obstacle = transaction.query(&self.sql(OBSTACLE), &[&uuid(append.saga), &definition, &key]).await;
        let existing: SagaId = match self.told(obstacle)?.first() {
            Some(row) => self.told(rows::saga(row, 0))?,
            None => {
                return Err(StoreError::unavailable("what had the key is being deleted: try again").into());
            }
        };
        let load = format!("SELECT {RECORD} FROM {{s}}.journal WHERE saga = $1 AND sequence = 0");
        let journal = self.told(transaction.query(&self.sql(&load), &[&uuid(existing)]).await)?;
        let first =
            journal.first().ok_or_else(|| StoreError::broken("a saga that has a key has no journal"))?;
        let first = self.told(rows::record(first))?;
        Ok(draft.join(existing, &first.event)?)
    }

    /// Makes the commit tell all that there is work.
    async fn notify_in(&self, transaction: &Transaction<'_>) -> StoreResult<()> {
        if self.wakes().is_some() && self.shared.last_notified.take() {
            let channel = channel(&self.shared.database.schema);
            self.told(transaction.execute("SELECT pg_notify($1, $2)", &[&channel, &WORK]).await)?;
        }
        Ok(())
    }

    fn sql(&self, statement: &str) -> String {
        statement.replace("{s}", &self.shared.database.schema)
    }

    fn told<T, E: Into<SqlError>>(&self, answer: Result<T, E>) -> StoreResult<T> {
        answer.map_err(|error| error.into().told(&self.shared.database.place))
    }
}
