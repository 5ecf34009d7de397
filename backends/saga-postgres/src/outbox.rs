//! Cursors of publishers, and dead letters.

use std::time::Duration;

use saga::WorkerId;
use saga::store::outbox::{
    BEHIND_MAX, CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters,
    OutboxStore, RefusedEvent,
};
use saga::store::{BoxFuture, StoreResult};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Repeat};
use crate::error::SqlError;
use crate::queries::read;
use crate::rows::{self, Time, escape, number, signed, unescape, uuid, worker_uuid};
use crate::store::PostgresStore;

impl OutboxStore for PostgresStore {
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        Box::pin(lease_cursor(&self.shared.database, name, worker, lease))
    }

    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(advance_cursor(&self.shared.database, advance))
    }

    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let release =
                "UPDATE {s}.cursors SET holder = NULL, leased_until = NULL WHERE name = $1 AND holder = $2";
            let name = escape(name);
            self.shared.database.query(Repeat::Always, release, &[&name, &worker_uuid(worker)]).await?;
            Ok(())
        })
    }

    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>> {
        Box::pin(cursors(&self.shared.database))
    }

    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let remove = "WITH letters AS (DELETE FROM {s}.dead_letters WHERE publisher = $1) \
                          DELETE FROM {s}.cursors WHERE name = $1 RETURNING name";
            let rows = self.shared.database.query(Repeat::IfUndone, remove, &[&escape(name)]).await?;
            Ok(!rows.is_empty())
        })
    }

    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>> {
        Box::pin(dead_letters(&self.shared.database, letters))
    }

    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(change_letter(&self.shared.database, publisher, position, change))
    }
}

async fn lease_cursor(
    database: &Database,
    name: &str,
    worker: WorkerId,
    lease: Duration,
) -> StoreResult<Option<u64>> {
    let take = "INSERT INTO {s}.cursors AS c (name, position, holder, leased_until) \
                VALUES ($1, 0, $2, clock_timestamp() + $3::bigint * interval '1 microsecond') \
                ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until \
                WHERE c.holder IS NULL OR c.holder = excluded.holder OR c.leased_until <= clock_timestamp() \
                RETURNING position";
    let micros = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
    let values: [crate::database::Value<'_>; 3] = [&escape(name), &worker_uuid(worker), &micros];
    Ok(read(database, take, &values, |row| number(row, 0)).await?.pop())
}

async fn advance_cursor(database: &Database, advance: &CursorAdvance) -> StoreResult<bool> {
    let go = "WITH moved AS ( \
            UPDATE {s}.cursors SET position = $4 \
            WHERE name = $1 AND holder = $2 AND position = $3 AND leased_until > clock_timestamp() RETURNING name \
        ), kept AS ( \
            INSERT INTO {s}.dead_letters (publisher, position, saga, event, reason, refused_at, is_to_resend) \
            SELECT m.name, r.position, r.saga, r.event, r.reason, clock_timestamp(), FALSE \
            FROM moved m, unnest($5::bigint[], $6::uuid[], $7::text[], $8::text[]) AS r (position, saga, event, reason) \
            ON CONFLICT (publisher, position) DO UPDATE SET event = excluded.event, reason = excluded.reason, \
                refused_at = excluded.refused_at, is_to_resend = FALSE \
        ) SELECT name FROM moved";
    let refused = &advance.refused;
    let positions: Vec<i64> = refused.iter().map(|refused| signed(refused.position)).collect();
    let sagas: Vec<Uuid> = refused.iter().map(|refused| uuid(refused.saga)).collect();
    let events: Vec<String> = refused.iter().map(|refused| escape(&refused.event)).collect();
    let reasons: Vec<String> = refused.iter().map(|refused| escape(&refused.reason)).collect();
    let (name, worker) = (escape(&advance.name), worker_uuid(advance.worker));
    let (from, to) = (signed(advance.from), signed(advance.to));
    let values: [crate::database::Value<'_>; 8] =
        [&name, &worker, &from, &to, &positions, &sagas, &events, &reasons];
    Ok(!database.query(Repeat::IfUndone, go, &values).await?.is_empty())
}

async fn cursors(database: &Database) -> StoreResult<Vec<CursorStatus>> {
    let find = "SELECT c.name, c.position, CASE WHEN c.leased_until > clock_timestamp() THEN c.holder END, \
            (SELECT count(*) FROM (SELECT 1 FROM {s}.journal j WHERE j.position > c.position LIMIT $1) behind), \
            (SELECT j.at FROM {s}.journal j WHERE j.position > c.position ORDER BY j.position LIMIT 1), \
            (SELECT count(*) FROM {s}.dead_letters d WHERE d.publisher = c.name) \
        FROM {s}.cursors c ORDER BY c.name";
    let status = |row: &Row| {
        let holder: Option<Uuid> = row.try_get(2)?;
        Ok(CursorStatus {
            name: unescape(row.try_get(0)?),
            position: number(row, 1)?,
            holder: holder.map(|holder| WorkerId::from_bytes(holder.into_bytes())),
            behind: number(row, 3)?,
            oldest_at: row.try_get::<_, Option<Time>>(4)?.map(|Time(at)| at),
            dead_letters: number(row, 5)?,
        })
    };
    read(database, find, &[&signed(BEHIND_MAX)], status).await
}

async fn dead_letters(database: &Database, after: &DeadLettersAfter) -> StoreResult<Vec<DeadLetter>> {
    let find = "SELECT position, saga, event, reason, refused_at, is_to_resend FROM {s}.dead_letters \
                WHERE publisher = $1 AND position > $2 AND is_to_resend >= $3 ORDER BY position LIMIT $4";
    let letter = |row: &Row| {
        let refused = RefusedEvent {
            position: number(row, 0)?,
            saga: rows::saga(row, 1)?,
            event: unescape(row.try_get(2)?),
            reason: unescape(row.try_get(3)?),
        };
        let mut letter = DeadLetter::new(&after.publisher, refused, rows::time(row, 4)?);
        letter.is_to_resend = row.try_get(5)?;
        Ok::<_, SqlError>(letter)
    };
    let (publisher, position) = (escape(&after.publisher), signed(after.position));
    let (least, limit) = (after.which == Letters::ToResend, rows::limit(after.limit));
    read(database, find, &[&publisher, &position, &least, &limit], letter).await
}

async fn change_letter(
    database: &Database,
    publisher: &str,
    position: u64,
    change: &DeadLetterChange,
) -> StoreResult<bool> {
    let (publisher, position) = (escape(publisher), signed(position));
    let rows = match change {
        DeadLetterChange::Resend => {
            let mark = "UPDATE {s}.dead_letters SET is_to_resend = TRUE WHERE publisher = $1 AND position = $2 \
                        RETURNING position";
            database.query(Repeat::Always, mark, &[&publisher, &position]).await?
        }
        DeadLetterChange::RefusedAgain { reason } => {
            let again = "UPDATE {s}.dead_letters SET is_to_resend = FALSE, reason = $3, refused_at = clock_timestamp() \
                         WHERE publisher = $1 AND position = $2 RETURNING position";
            database.query(Repeat::Always, again, &[&publisher, &position, &escape(reason)]).await?
        }
        DeadLetterChange::Remove => {
            let remove =
                "DELETE FROM {s}.dead_letters WHERE publisher = $1 AND position = $2 RETURNING position";
            database.query(Repeat::IfUndone, remove, &[&publisher, &position]).await?
        }
    };
    Ok(!rows.is_empty())
}
