//! What the driver's errors mean to the caller.

use std::path::Path;

use rusqlite::ErrorCode;
use saga::StoreError;

/// Why something that ran in the database failed: the driver's error, or one of ours.
#[derive(Debug)]
pub(crate) enum SqlError {
    Driver(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Driver(error)
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
}

/// The error of a call on an open store.
pub(crate) fn running(error: SqlError, path: &Path) -> StoreError {
    let error = match error {
        SqlError::Store(error) => return error,
        SqlError::Driver(error) => error,
    };
    let path = path.display();
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free some space on its disk, or raise `size_max_bytes`",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program, such as a `sqlite3` shell, writes to it for too long: end its transaction"
        }
        Some(ErrorCode::ReadOnly) => "it cannot be written any more: look at its permissions and its disk",
        Some(ErrorCode::CannotOpen) => "it, or its `-wal` file, cannot be opened any more",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return StoreError::broken(format!(
                "{path}: {error}; stop the process, keep a copy, and try `.recover` of the `sqlite3` shell"
            ));
        }
        _ if is_unreadable(&error) => {
            return StoreError::broken(format!("{path} has a row that we did not write: {error}"));
        }
        _ => return StoreError::unavailable(format!("{path}: {error}")),
    };
    StoreError::unavailable(format!("{path}: {error}; {advice}"))
}

fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// The error of opening the store: most of these nobody can wait out.
pub(crate) fn opening(error: SqlError, path: &Path) -> StoreError {
    let SqlError::Driver(driver) = &error else { return running(error, path) };
    let shown = path.display();
    match driver.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => StoreError::unusable(format!(
            "{shown} cannot be opened ({driver}): see that it is a file and may be read and written"
        )),
        Some(
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied,
        ) => StoreError::unusable(format!(
            "{shown} cannot be written ({driver}): let this user write the file and its directory"
        )),
        Some(ErrorCode::NotADatabase) => StoreError::unusable(format!(
            "{shown} is no SQLite database ({driver}): name another file, or move it away"
        )),
        _ => running(error, path),
    }
}

/// The same error for another caller of one commit.
pub(crate) fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { source } => StoreError::unavailable(source.to_string()),
        StoreError::InUse { what } => StoreError::InUse { what: what.clone() },
        StoreError::Unusable { problem } => StoreError::unusable(problem),
        StoreError::Broken { problem } => StoreError::broken(problem),
        other => StoreError::unavailable(other.to_string()),
    }
}
