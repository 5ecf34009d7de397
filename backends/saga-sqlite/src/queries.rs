//! Journals, instances, counts, and what is deleted.

use rusqlite::{Connection, OptionalExtension, params};
use saga::SagaId;
use saga::machine::{Record, SagaState};
use saga::store::{Counts, EventsAfter, JournalEntry, Purge, SagaInstance};

use crate::error::SqlError;
use crate::rows::{self, INSTANCE, RECORD, signed};
use crate::writer::Write;

pub(crate) fn load(connection: &Connection, saga: SagaId) -> Result<Vec<Record>, SqlError> {
    let load = format!(
        "SELECT {RECORD} FROM journal WHERE saga = (SELECT number FROM sagas WHERE id = ?1) ORDER BY sequence"
    );
    let mut statement = connection.prepare_cached(&load)?;
    let mut rows = statement.query([saga.as_bytes()])?;
    let mut journal = Vec::new();
    while let Some(row) = rows.next()? {
        journal.push(rows::record(row)?);
    }
    Ok(journal)
}

pub(crate) fn instance(connection: &Connection, saga: SagaId) -> Result<Option<SagaInstance>, SqlError> {
    let find = format!("SELECT {INSTANCE} FROM sagas WHERE id = ?1");
    Ok(connection.prepare_cached(&find)?.query_row([saga.as_bytes()], rows::instance).optional()?)
}

pub(crate) fn events(connection: &Connection, after: EventsAfter) -> Result<Vec<JournalEntry>, SqlError> {
    let find = format!(
        "SELECT {RECORD}, position, id FROM journal JOIN sagas ON number = saga \
         WHERE position > ?1 ORDER BY position LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&find)?;
    let mut rows = statement.query([signed(after.position), rows::limit(after.limit)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (position, saga) = (rows::number(row, 4)?, rows::saga(row, 5)?);
        entries.push(JournalEntry { position, saga, record: rows::record(row)? });
    }
    Ok(entries)
}

pub(crate) fn counts(connection: &Connection) -> Result<Counts, SqlError> {
    let mut statement = connection.prepare_cached("SELECT state, sagas FROM counts WHERE sagas > 0")?;
    let mut rows = statement.query([])?;
    let mut counts = Counts::new();
    while let Some(row) = rows.next()? {
        let state: String = row.get(0)?;
        let state = state.parse::<SagaState>().map_err(|error| SqlError::broken(error.to_string()))?;
        counts.insert(state, rows::number(row, 1)?);
    }
    Ok(counts)
}

/// Deletes up to `limit` sagas that match; returns how many.
pub(crate) fn purge(write: &Write<'_>, purge: &Purge, limit: usize) -> Result<usize, SqlError> {
    let mut numbers: Vec<i64> = Vec::new();
    for state in purge.states.iter().filter(|state| state.is_ended()) {
        // Created before it ended: the index of lists leads to the oldest first.
        let find = "SELECT number FROM sagas WHERE state = ?1 AND created_at < ?2 AND ended_at < ?2 \
                    AND (SELECT position FROM journal WHERE saga = number ORDER BY sequence DESC LIMIT 1) \
                        <= coalesce((SELECT min(position) FROM cursors), 9223372036854775807) \
                    ORDER BY created_at LIMIT ?3";
        let missing = rows::limit(limit.saturating_sub(numbers.len()));
        let mut statement = write.connection.prepare_cached(find)?;
        let values = params![state.as_str(), purge.ended_before.as_micros(), missing];
        for number in statement.query_map(values, |row| row.get(0))? {
            numbers.push(number?);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Ok(0);
    }
    // The last entries may be among those that go: their positions are not given out again.
    let mark = "INSERT INTO marks (name, value) VALUES ('position', ?1) ON CONFLICT DO UPDATE SET value = ?1";
    write.connection.prepare_cached(mark)?.execute([write.last_position()?])?;
    for number in &numbers {
        purge_labels(write, *number)?;
        for delete in [
            "DELETE FROM requests WHERE saga = ?1",
            "DELETE FROM journal WHERE saga = ?1",
            "DELETE FROM sagas WHERE number = ?1",
        ] {
            write.connection.prepare_cached(delete)?.execute([number])?;
        }
    }
    Ok(numbers.len())
}

fn purge_labels(write: &Write<'_>, number: i64) -> Result<(), SqlError> {
    let find = format!("SELECT {INSTANCE} FROM sagas WHERE number = ?1");
    let saga = write.connection.prepare_cached(&find)?.query_row([number], rows::instance)?;
    for (name, value) in &saga.labels {
        let delete = "DELETE FROM labels WHERE name = ?1 AND value = ?2 AND created_at = ?3 AND id = ?4";
        let values = params![name, value, saga.created_at.as_micros(), saga.id.as_bytes()];
        write.connection.prepare_cached(delete)?.execute(values)?;
    }
    Ok(())
}
