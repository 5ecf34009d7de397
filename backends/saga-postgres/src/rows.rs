//! Rows as values, and values as rows.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use saga::machine::{Event, Record};
use saga::store::SagaInstance;
use saga::{Payload, SagaId, Timestamp, WorkerId};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use uuid::Uuid;

use crate::error::SqlError;

/// A `timestamptz`, to the microsecond and of any year.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

/// From 1970 to 2000, where the database begins to count.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The earliest time that the database can tell, counted as it does.
const EARLIEST: i64 = -211_813_488_000_000_000;

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0.as_micros().saturating_sub(EPOCH_MICROS).max(EARLIEST));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(EPOCH_MICROS))))
    }

    accepts!(TIMESTAMPTZ);
}

pub(crate) fn uuid(saga: SagaId) -> Uuid {
    Uuid::from_bytes(*saga.as_bytes())
}

pub(crate) fn worker_uuid(worker: WorkerId) -> Uuid {
    Uuid::from_bytes(*worker.as_bytes())
}

pub(crate) fn saga(row: &Row, column: usize) -> Result<SagaId, SqlError> {
    let id: Uuid = row.try_get(column)?;
    Ok(SagaId::from_bytes(id.into_bytes()))
}

pub(crate) fn time(row: &Row, column: usize) -> Result<Timestamp, SqlError> {
    let Time(at) = row.try_get(column)?;
    Ok(at)
}

/// A number of ours: none is negative.
pub(crate) fn number(row: &Row, column: usize) -> Result<u64, SqlError> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| SqlError::broken(format!("{number} is no number that we write")))
}

/// A number of ours as the database keeps it; one that is too large is larger than all that are there.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit as the database knows it.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that the database can hold: its `text` has no NUL. In the syntax of `decode(.., 'escape')`.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\0', "\\000")
}

/// What was escaped.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\\') {
        plain.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        if let Some(after) = rest.strip_prefix("000") {
            plain.push('\0');
            rest = after;
        } else {
            plain.push('\\');
            rest = rest.strip_prefix('\\').unwrap_or(rest);
        }
    }
    plain + rest
}

/// Labels as a JSON object, escaped.
pub(crate) fn labels(labels: &saga::Labels) -> String {
    let escaped: saga::Labels = labels.iter().map(|(name, value)| (escape(name), escape(value))).collect();
    serde_json::to_string(&escaped).expect("an object of texts is JSON")
}

/// The columns that [`instance`] reads, in its order.
pub(crate) const INSTANCE: &str = "id, definition, version, fingerprint, state, labels::text, key, owner, wake_at, \
                                   created_at, updated_at, ended_at";

pub(crate) fn instance(row: &Row) -> Result<SagaInstance, SqlError> {
    let maybe_time = |column: usize| -> Result<Option<Timestamp>, SqlError> {
        Ok(row.try_get::<_, Option<Time>>(column)?.map(|Time(at)| at))
    };
    let labels: saga::Labels = serde_json::from_str(row.try_get(5)?).map_err(SqlError::unreadable)?;
    let version = number(row, 2)?;
    Ok(SagaInstance {
        id: saga(row, 0)?,
        definition: unescape(row.try_get(1)?),
        version: u32::try_from(version).map_err(SqlError::unreadable)?,
        fingerprint: row.try_get::<_, &str>(3)?.parse().map_err(SqlError::unreadable)?,
        state: row.try_get::<_, &str>(4)?.parse().map_err(SqlError::unreadable)?,
        labels: labels.iter().map(|(name, value)| (unescape(name), unescape(value))).collect(),
        key: row.try_get::<_, Option<&str>>(6)?.map(unescape),
        owner: row.try_get::<_, Option<Uuid>>(7)?.map(|owner| WorkerId::from_bytes(owner.into_bytes())),
        wake_at: maybe_time(8)?,
        created_at: time(row, 9)?,
        updated_at: time(row, 10)?,
        ended_at: maybe_time(11)?,
    })
}

/// The columns that [`record`] reads, in its order.
pub(crate) const RECORD: &str = "sequence, at, event, payload";

pub(crate) fn record(row: &Row) -> Result<Record, SqlError> {
    let sequence = number(row, 0)?;
    let payload: Option<&[u8]> = row.try_get(3)?;
    let event = Event::decode(row.try_get(2)?, payload.map_or(Payload::EMPTY, Payload::from))
        .map_err(|error| SqlError::broken(format!("entry {sequence} of a journal: {error}")))?;
    Ok(Record { sequence, at: time(row, 1)?, event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_text_has_no_nul_and_comes_back() {
        for text in ["", "a", "\0", "\\", "\\000", "\0zero", "\\\0\\", "\\\\0", "é\0漢"] {
            let escaped = escape(text);
            assert!(!escaped.contains('\0'));
            assert_eq!(unescape(&escaped), text);
        }
    }

    #[test]
    fn a_time_is_kept_to_the_microsecond() {
        for micros in [0, 1, -1, EPOCH_MICROS, i64::MAX / 2 + 1, i64::MAX] {
            let mut raw = BytesMut::new();
            Time(Timestamp::from_micros(micros)).to_sql(&Type::TIMESTAMPTZ, &mut raw).unwrap();
            let Time(read) = Time::from_sql(&Type::TIMESTAMPTZ, &raw).unwrap();
            assert_eq!(read.as_micros(), micros);
        }
    }
}
