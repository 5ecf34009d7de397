//! What the driver's errors mean to the caller.

use deadpool_postgres::{PoolError, TimeoutType};
use saga::StoreError;
use tokio_postgres::error::SqlState;

/// Why something that ran in the database failed: the driver's error, or one of ours.
#[derive(Debug)]
pub(crate) enum SqlError {
    Driver(tokio_postgres::Error),
    Pool(PoolError),
    /// The server did not answer in time.
    Silent,
    Store(StoreError),
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<PoolError> for SqlError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Driver(error),
            error => Self::Pool(error),
        }
    }
}

impl From<StoreError> for SqlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl SqlError {
    /// What is stored, and is not what we store.
    pub(crate) fn broken(problem: impl Into<String>) -> Self {
        Self::Store(StoreError::broken(problem))
    }

    pub(crate) fn unreadable(error: impl std::error::Error) -> Self {
        Self::broken(format!("a row that we did not write: {error}"))
    }

    /// Whether the database says that nothing of the statement was done, and it may be done if it is tried again.
    pub(crate) fn is_undone(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        error.code().is_some_and(|code| {
            [
                &SqlState::T_R_SERIALIZATION_FAILURE,
                &SqlState::T_R_DEADLOCK_DETECTED,
                &SqlState::TOO_MANY_CONNECTIONS,
            ]
            .contains(&code)
        })
    }

    /// Whether another transaction took a place that this one saw free: nothing of the statement was done.
    pub(crate) fn is_race(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        error.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether the connection is gone, or was not to be had.
    pub(crate) fn is_connection_lost(&self) -> bool {
        match self {
            Self::Silent => true,
            Self::Pool(error) => matches!(error, PoolError::Timeout(_)),
            Self::Driver(error) => {
                error.is_closed()
                    || match error.code() {
                        // Class 57P: the server goes down, comes up, or was told to end the session. Class 08: lost.
                        Some(code) => code.code().starts_with("57P") || code.code().starts_with("08"),
                        None => is_io(error),
                    }
            }
            Self::Store(_) => false,
        }
    }

    /// As the caller is told, with what can be done about it.
    pub(crate) fn told(self, place: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Silent => StoreError::unavailable(format!("{place} did not answer in time")),
            Self::Pool(PoolError::Timeout(TimeoutType::Wait)) => StoreError::unavailable(format!(
                "{place}: all connections of the pool were in use for too long: raise `pool_size`"
            )),
            Self::Pool(PoolError::Timeout(_)) => StoreError::unavailable(format!(
                "{place} took no connection in time: see that it is up, and that host and port are right"
            )),
            Self::Pool(error) => StoreError::unavailable(format!("{place}: {error}")),
            Self::Driver(error) => driver(&error, place),
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<std::io::Error>() {
            return true;
        }
        source = error.source();
    }
    // A connection that could not be made says why in its source, or nothing.
    error.to_string().contains("connecting to server")
}

fn driver(error: &tokio_postgres::Error, place: &str) -> StoreError {
    let Some(code) = error.code() else {
        return match std::error::Error::source(error) {
            _ if error.to_string().contains("TLS") => {
                StoreError::unusable(format!("{place}: {}", chain(error)))
            }
            Some(_) if is_io(error) => StoreError::unavailable(format!(
                "{place} cannot be reached ({}): see that it is up, and that host and port are right",
                chain(error)
            )),
            Some(source) if source.is::<uuid::Error>() => StoreError::broken(chain(error)),
            _ if error.to_string().contains("deserializing") => {
                StoreError::broken(format!("{place} has a row that we did not write: {}", chain(error)))
            }
            _ if error.to_string().contains("configuration")
                || error.to_string().contains("password missing") =>
            {
                StoreError::unusable(format!("{place}: {}: mend the URL", chain(error)))
            }
            _ => StoreError::unavailable(format!("{place}: {}", chain(error))),
        };
    };
    let text = chain(error);
    let unusable = |advice: &str| StoreError::unusable(format!("{place}: {text}; {advice}"));
    match code.code() {
        // Authentication.
        "28P01" | "28000" => {
            unusable("mend user and password in the URL, or let the user in by `pg_hba.conf`")
        }
        "3D000" => unusable("create the database with `createdb`, or name another in the URL"),
        "42501" => unusable(
            "grant the user what it needs: `GRANT CREATE ON DATABASE ..` to create the schema, else usage of the \
             schema, and reading and writing its tables",
        ),
        "42P01" | "3F000" | "42883" | "42703" => unusable(
            "a table or a function of the store is missing: restore it from a backup, or drop the whole schema and \
             open the store again to begin anew",
        ),
        "25006" => StoreError::unavailable(format!("{place}: {text}; name the primary and not a standby")),
        "53300" => {
            StoreError::unavailable(format!("{place}: {text}; lower `pool_size`, or raise `max_connections`"))
        }
        "57014" => {
            StoreError::unavailable(format!("{place}: {text}; raise `statement_timeout`, or look for locks"))
        }
        "53100" => StoreError::unavailable(format!("{place}: {text}; free some space on its disk")),
        _ => StoreError::unavailable(format!("{place}: {text}")),
    }
}

/// The error with its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}
