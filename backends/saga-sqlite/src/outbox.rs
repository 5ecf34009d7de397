//! Cursors of publishers, and dead letters.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use saga::store::outbox::{
    BEHIND_MAX, CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters,
    OutboxStore, RefusedEvent,
};
use saga::store::{BoxFuture, StoreResult};
use saga::{Timestamp, WorkerId};

use crate::error::SqlError;
use crate::rows::{self, number, signed};
use crate::store::SqliteStore;
use crate::writer::Write;

impl OutboxStore for SqliteStore {
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let name = name.to_owned();
        Box::pin(self.writer.write(move |write| lease_cursor(write, &name, worker, lease)))
    }

    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>> {
        let advance = advance.clone();
        Box::pin(self.writer.write(move |write| advance_cursor(write, &advance)))
    }

    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>> {
        let name = name.to_owned();
        Box::pin(self.writer.write(move |write| {
            let release =
                "UPDATE cursors SET holder = NULL, leased_until = NULL WHERE name = ?1 AND holder = ?2";
            write.connection.prepare_cached(release)?.execute(params![name, worker.as_bytes()])?;
            Ok(())
        }))
    }

    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>> {
        Box::pin(async move {
            let now = self.writer.now();
            self.readers.read(move |connection| cursors(connection, now)).await
        })
    }

    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        let name = name.to_owned();
        Box::pin(self.writer.write(move |write| {
            let connection = write.connection;
            connection.prepare_cached("DELETE FROM dead_letters WHERE publisher = ?1")?.execute([&name])?;
            Ok(connection.prepare_cached("DELETE FROM cursors WHERE name = ?1")?.execute([&name])? > 0)
        }))
    }

    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>> {
        let after = letters.clone();
        Box::pin(self.readers.read(move |connection| dead_letters(connection, &after)))
    }

    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        let (publisher, change) = (publisher.to_owned(), change.clone());
        Box::pin(self.writer.write(move |write| change_letter(write, &publisher, position, &change)))
    }
}

/// Whoever opens the file is its only process: nobody else publishes.
pub(crate) fn void_leases(connection: &Connection) -> Result<(), SqlError> {
    connection
        .execute("UPDATE cursors SET holder = NULL, leased_until = NULL WHERE holder IS NOT NULL", [])?;
    Ok(())
}

fn lease_cursor(
    write: &mut Write<'_>,
    name: &str,
    worker: WorkerId,
    lease: Duration,
) -> Result<Option<u64>, SqlError> {
    let until = write.at.saturating_add(lease).as_micros();
    let take = "INSERT INTO cursors (name, position, holder, leased_until) VALUES (?1, 0, ?2, ?3) \
                ON CONFLICT DO UPDATE SET holder = ?2, leased_until = ?3 \
                WHERE holder IS NULL OR holder = ?2 OR leased_until <= ?4 RETURNING position";
    let values = params![name, worker.as_bytes(), until, write.at.as_micros()];
    Ok(write.connection.prepare_cached(take)?.query_row(values, |row| number(row, 0)).optional()?)
}

fn advance_cursor(write: &mut Write<'_>, advance: &CursorAdvance) -> Result<bool, SqlError> {
    let go = "UPDATE cursors SET position = ?4 \
              WHERE name = ?1 AND holder = ?2 AND leased_until > ?5 AND position = ?3";
    let (from, to) = (signed(advance.from), signed(advance.to));
    let values = params![advance.name, advance.worker.as_bytes(), from, to, write.at.as_micros()];
    if write.connection.prepare_cached(go)?.execute(values)? == 0 {
        return Ok(false);
    }
    for RefusedEvent { position, saga, event, reason } in &advance.refused {
        let add = "INSERT OR REPLACE INTO dead_letters \
                   (publisher, position, saga, event, reason, refused_at, is_to_resend) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)";
        let (position, at) = (signed(*position), write.at.as_micros());
        let values = params![advance.name, position, saga.as_bytes(), event, reason, at];
        write.connection.prepare_cached(add)?.execute(values)?;
    }
    Ok(true)
}

fn cursors(connection: &Connection, now: Timestamp) -> Result<Vec<CursorStatus>, SqlError> {
    let find = "SELECT name, position, iif(leased_until > ?1, holder, NULL), \
                (SELECT count(*) FROM (SELECT 1 FROM journal j WHERE j.position > c.position LIMIT ?2)), \
                (SELECT at FROM journal j WHERE j.position > c.position ORDER BY j.position LIMIT 1), \
                (SELECT count(*) FROM dead_letters WHERE publisher = name) \
                FROM cursors c ORDER BY name";
    let mut statement = connection.prepare_cached(find)?;
    let status = |row: &Row<'_>| {
        Ok(CursorStatus {
            name: row.get(0)?,
            position: number(row, 1)?,
            holder: row.get::<_, Option<[u8; 16]>>(2)?.map(WorkerId::from_bytes),
            behind: number(row, 3)?,
            oldest_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_micros),
            dead_letters: number(row, 5)?,
        })
    };
    let rows = statement.query_map(params![now.as_micros(), signed(BEHIND_MAX)], status)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn dead_letters(connection: &Connection, after: &DeadLettersAfter) -> Result<Vec<DeadLetter>, SqlError> {
    let find = "SELECT position, saga, event, reason, refused_at, is_to_resend FROM dead_letters \
                WHERE publisher = ?1 AND position > ?2 AND is_to_resend >= ?3 ORDER BY position LIMIT ?4";
    let mut statement = connection.prepare_cached(find)?;
    let letter = |row: &Row<'_>| {
        let refused = RefusedEvent {
            position: number(row, 0)?,
            saga: rows::saga(row, 1)?,
            event: row.get(2)?,
            reason: row.get(3)?,
        };
        let mut letter = DeadLetter::new(&after.publisher, refused, Timestamp::from_micros(row.get(4)?));
        letter.is_to_resend = row.get(5)?;
        Ok(letter)
    };
    let least = after.which == Letters::ToResend;
    let values = params![after.publisher, signed(after.position), least, rows::limit(after.limit)];
    Ok(statement.query_map(values, letter)?.collect::<Result<_, _>>()?)
}

fn change_letter(
    write: &Write<'_>,
    publisher: &str,
    position: u64,
    change: &DeadLetterChange,
) -> Result<bool, SqlError> {
    let (connection, position) = (write.connection, signed(position));
    let changed = match change {
        DeadLetterChange::Resend => {
            let mark = "UPDATE dead_letters SET is_to_resend = 1 WHERE publisher = ?1 AND position = ?2";
            connection.prepare_cached(mark)?.execute(params![publisher, position])?
        }
        DeadLetterChange::RefusedAgain { reason } => {
            let again = "UPDATE dead_letters SET is_to_resend = 0, reason = ?3, refused_at = ?4 \
                         WHERE publisher = ?1 AND position = ?2";
            let values = params![publisher, position, reason, write.at.as_micros()];
            connection.prepare_cached(again)?.execute(values)?
        }
        DeadLetterChange::Remove => {
            let remove = "DELETE FROM dead_letters WHERE publisher = ?1 AND position = ?2";
            connection.prepare_cached(remove)?.execute(params![publisher, position])?
        }
    };
    Ok(changed > 0)
}
