//! Journals, instances, requests, counts, and what is deleted.

use std::collections::HashMap;
use std::time::Duration;

use saga::machine::{Record, Request, SagaState};
use saga::store::{Counts, EventsAfter, JournalEntry, Purge, SagaInstance, StoreResult};
use saga::{SagaId, StoreError, Timestamp, WorkerId};
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Repeat, Value};
use crate::error::SqlError;
use crate::rows::{self, INSTANCE, RECORD, Time, signed, uuid};

/// As many sagas are deleted in one transaction of a purge.
const PURGE_BATCH: usize = 1_000;

/// How long a reader of events waits for transactions under way before it is told what is certain so far.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// Reads, and makes a value of each row.
pub(crate) async fn read<T>(
    database: &Database,
    statement: &str,
    values: &[Value<'_>],
    make: impl Fn(&Row) -> Result<T, SqlError>,
) -> StoreResult<Vec<T>> {
    let rows = database.query(Repeat::Always, statement, values).await?;
    rows.iter().map(|row| make(row).map_err(|error| error.told(&database.place))).collect()
}

pub(crate) async fn load(database: &Database, saga: SagaId) -> StoreResult<Vec<Record>> {
    let load = format!("SELECT {RECORD} FROM {{s}}.journal WHERE saga = $1 ORDER BY sequence");
    read(database, &load, &[&uuid(saga)], rows::record).await
}

pub(crate) async fn load_all(database: &Database, sagas: &[SagaId]) -> StoreResult<Vec<Vec<Record>>> {
    let load =
        format!("SELECT {RECORD}, saga FROM {{s}}.journal WHERE saga = ANY ($1) ORDER BY saga, sequence");
    let ids: Vec<Uuid> = sagas.iter().map(|saga| uuid(*saga)).collect();
    let records = read(database, &load, &[&ids], |row| Ok((rows::saga(row, 4)?, rows::record(row)?))).await?;
    let mut journals = HashMap::with_capacity(sagas.len());
    for (saga, record) in records {
        journals.entry(saga).or_insert_with(Vec::new).push(record);
    }
    Ok(sagas.iter().map(|saga| journals.remove(saga).unwrap_or_default()).collect())
}

pub(crate) async fn instance(database: &Database, saga: SagaId) -> StoreResult<Option<SagaInstance>> {
    let find = format!("SELECT {INSTANCE} FROM {{s}}.sagas WHERE id = $1");
    Ok(read(database, &find, &[&uuid(saga)], rows::instance).await?.pop())
}

/// Entries behind a position that no transaction can come before any more.
pub(crate) async fn events(database: &Database, after: EventsAfter) -> StoreResult<Vec<JournalEntry>> {
    let find = format!(
        "SELECT {RECORD}, position, saga, position < (SELECT position_base \
            + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20) FROM {{s}}.settings) \
         FROM {{s}}.journal WHERE position > $1 ORDER BY position LIMIT $2"
    );
    let entry = |row: &Row| {
        let entry = JournalEntry {
            position: rows::number(row, 4)?,
            saga: rows::saga(row, 5)?,
            record: rows::record(row)?,
        };
        Ok((entry, row.try_get::<_, bool>(6)?))
    };
    let (position, limit) = (signed(after.position), rows::limit(after.limit));
    let until = Instant::now() + SETTLE_MAX;
    let mut delay = Duration::from_millis(1);
    loop {
        let entries = read(database, &find, &[&position, &limit], entry).await?;
        let is_settled = entries.iter().all(|(_, is_settled)| *is_settled);
        // Most transactions are short: whoever waits for them a little sees what was committed before the call.
        if is_settled || Instant::now() >= until {
            let settled = entries.into_iter().take_while(|(_, is_settled)| *is_settled);
            return Ok(settled.map(|(entry, _)| entry).collect());
        }
        sleep(delay).await;
        delay = (delay * 2).min(Duration::from_millis(50));
    }
}

pub(crate) async fn counts(database: &Database) -> StoreResult<Counts> {
    let count = "SELECT state, sum(change)::bigint FROM {s}.tallies GROUP BY state HAVING sum(change) > 0";
    let counts = read(database, count, &[], |row| {
        let state: SagaState = row.try_get::<_, &str>(0)?.parse().map_err(SqlError::unreadable)?;
        Ok((state, rows::number(row, 1)?))
    });
    Ok(counts.await?.into_iter().collect())
}

pub(crate) async fn ping(database: &Database) -> StoreResult<Timestamp> {
    let times = read(database, "SELECT clock_timestamp()", &[], |row| rows::time(row, 0)).await?;
    times.into_iter().next().ok_or_else(|| StoreError::broken("the database told no time"))
}

/// Records a request: its number, and who is to answer it. `None` where nobody can.
pub(crate) async fn request(
    database: &Database,
    saga: SagaId,
    request: &Request,
) -> StoreResult<Option<(u64, Option<WorkerId>)>> {
    let encoded = serde_json::to_string(request).map_err(|error| StoreError::broken(error.to_string()))?;
    // The lock holds the end of the saga off until the request is there.
    let add = "WITH open AS ( \
            SELECT id, owner FROM {s}.sagas WHERE id = $1 AND ended_at IS NULL FOR SHARE \
        ), added AS ( \
            INSERT INTO {s}.requests (saga, at, request) SELECT id, clock_timestamp(), $2 FROM open RETURNING number \
        ) SELECT number, owner FROM added, open";
    let rows = database.query(Repeat::IfUndone, add, &[&uuid(saga), &encoded]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let owner = || -> Result<_, SqlError> {
        let owner: Option<Uuid> = row.try_get(1)?;
        Ok((rows::number(row, 0)?, owner.map(|owner| WorkerId::from_bytes(owner.into_bytes()))))
    };
    owner().map(Some).map_err(|error| error.told(&database.place))
}

pub(crate) async fn requests(database: &Database, saga: SagaId) -> StoreResult<Vec<(u64, Request)>> {
    // One that came with the end of its saga is nobody's.
    let find = "SELECT r.number, r.request FROM {s}.requests r JOIN {s}.sagas s ON s.id = r.saga \
                WHERE r.saga = $1 AND s.ended_at IS NULL ORDER BY r.number";
    let request = |row: &Row| {
        let number = rows::number(row, 0)?;
        let request = serde_json::from_str(row.try_get(1)?)
            .map_err(|error| SqlError::broken(format!("request {number} cannot be read: {error}")))?;
        Ok((number, request))
    };
    read(database, find, &[&uuid(saga)], request).await
}

/// Deletes up to the limit of sagas that match, some at a time; returns how many.
pub(crate) async fn purge(database: &Database, purge: &Purge) -> StoreResult<u64> {
    // Created before it ended: the index of lists leads to the oldest first.
    let delete = "WITH old AS MATERIALIZED ( \
            SELECT id FROM {s}.sagas WHERE state = $1 AND created_at < $2 AND ended_at < $2 \
                AND (NOT EXISTS (SELECT 1 FROM {s}.cursors) OR (SELECT min(c.position) FROM {s}.cursors c) >= \
                    (SELECT j.position FROM {s}.journal j WHERE j.saga = id ORDER BY j.sequence DESC LIMIT 1)) \
            ORDER BY created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED \
        ), entries AS (DELETE FROM {s}.journal j USING old WHERE j.saga = old.id), \
        asked AS (DELETE FROM {s}.requests r USING old WHERE r.saga = old.id), \
        gone AS (DELETE FROM {s}.sagas s USING old WHERE s.id = old.id RETURNING s.id), \
        told AS ( \
            INSERT INTO {s}.tallies (state, change) SELECT $1, -count(*) FROM gone HAVING count(*) > 0 \
        ) SELECT id FROM gone";
    let mut purged = 0;
    for state in purge.states.iter().filter(|state| state.is_ended()) {
        loop {
            let count = purge.limit.saturating_sub(purged).min(PURGE_BATCH);
            if count == 0 {
                break;
            }
            let values: [Value<'_>; 3] = [&state.as_str(), &Time(purge.ended_before), &rows::limit(count)];
            let taken = database.query(Repeat::IfUndone, delete, &values).await?.len();
            purged += taken;
            if taken < count {
                break;
            }
        }
    }
    Ok(purged as u64)
}
