//! Rows as values, and values as rows.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use saga::machine::{Event, Record};
use saga::store::SagaInstance;
use saga::{Payload, SagaId, Timestamp, WorkerId};

use crate::error::SqlError;

/// The columns that [`instance`] reads, in its order.
pub(crate) const INSTANCE: &str = "id, definition, version, fingerprint, state, labels, key, owner, wake_at, \
                                   created_at, updated_at, ended_at";

pub(crate) fn instance(row: &Row<'_>) -> rusqlite::Result<SagaInstance> {
    let time = |column: usize| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp::from_micros));
    let labels: String = row.get(5)?;
    Ok(SagaInstance {
        id: saga(row, 0)?,
        definition: row.get(1)?,
        version: row.get(2)?,
        fingerprint: parsed(row, 3)?,
        state: parsed(row, 4)?,
        labels: serde_json::from_str(&labels).map_err(|error| unreadable(5, error))?,
        key: row.get(6)?,
        owner: row.get::<_, Option<[u8; 16]>>(7)?.map(WorkerId::from_bytes),
        wake_at: time(8)?,
        created_at: Timestamp::from_micros(row.get(9)?),
        updated_at: Timestamp::from_micros(row.get(10)?),
        ended_at: time(11)?,
    })
}

/// The columns that [`record`] reads, in its order.
pub(crate) const RECORD: &str = "sequence, at, event, payload";

pub(crate) fn record(row: &Row<'_>) -> Result<Record, SqlError> {
    let sequence = number(row, 0)?;
    let event = row.get_ref(2)?.as_str().map_err(|error| unreadable(2, error))?;
    let payload = row.get_ref(3)?.as_blob_or_null().map_err(|error| unreadable(3, error))?;
    let event = Event::decode(event, payload.map_or(Payload::EMPTY, Payload::from))
        .map_err(|error| SqlError::broken(format!("entry {sequence} of a journal: {error}")))?;
    Ok(Record { sequence, at: Timestamp::from_micros(row.get(1)?), event })
}

pub(crate) fn saga(row: &Row<'_>, column: usize) -> rusqlite::Result<SagaId> {
    row.get(column).map(SagaId::from_bytes)
}

/// A number of ours: none is negative.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = row.get_ref(column)?.as_str().map_err(|error| unreadable(column, error))?;
    text.parse().map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, FromSqlError::other(error).into())
}

/// A number of ours as the database keeps it; one that is too large is larger than all that are there.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit as the database knows it.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
