//! Requests, until they are answered.

use rusqlite::{Connection, OptionalExtension, params};
use saga::SagaId;
use saga::machine::Request;

use crate::error::SqlError;
use crate::rows;
use crate::writer::Write;

/// Records a request, already encoded; `None` where nobody can answer it.
pub(crate) fn add(write: &Write<'_>, saga: SagaId, request: &str) -> Result<Option<u64>, SqlError> {
    let add = "INSERT INTO requests (saga, at, request) \
               SELECT number, ?2, ?3 FROM sagas WHERE id = ?1 AND ended_at IS NULL RETURNING number";
    let values = params![saga.as_bytes(), write.at.as_micros(), request];
    Ok(write.connection.prepare_cached(add)?.query_row(values, |row| rows::number(row, 0)).optional()?)
}

pub(crate) fn of(connection: &Connection, saga: SagaId) -> Result<Vec<(u64, Request)>, SqlError> {
    let find = "SELECT requests.number, request FROM requests JOIN sagas ON sagas.number = saga \
                WHERE sagas.id = ?1 ORDER BY requests.number";
    let mut statement = connection.prepare_cached(find)?;
    let mut rows = statement.query([saga.as_bytes()])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        let number = rows::number(row, 0)?;
        let request: String = row.get(1)?;
        let request = serde_json::from_str(&request)
            .map_err(|error| SqlError::broken(format!("request {number} cannot be read: {error}")))?;
        requests.push((number, request));
    }
    Ok(requests)
}
