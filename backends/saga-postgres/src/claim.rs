//! Claims and leases, by the database's clock.

use saga::machine::Event;
use saga::store::{Beat, Claim, DefinitionKey, Heartbeat, StoreResult};
use saga::{SagaId, Timestamp, WorkerId};

use crate::database::{Database, Repeat, Value};
use crate::queries::read;
use crate::rows::{self, escape, limit, worker_uuid};
use crate::wake::WORK;

pub(crate) async fn claim(database: &Database, claim: &Claim) -> StoreResult<Vec<SagaId>> {
    let event = Event::Claimed { worker: claim.worker }.encode();
    let known = claim.definitions.as_deref().map(Known::of);
    let definitions = known.as_ref().map(|known| &known.definitions);
    let versions = known.as_ref().map(|known| &known.versions);
    let fingerprints = known.as_ref().map(|known| &known.fingerprints);
    let worker = worker_uuid(claim.worker);
    let rows = database
        .query(
            Repeat::IfUndone,
            "SELECT * FROM {s}.claim_1($1, $2, $3, $4, $5, $6)",
            &[&worker, &event, &limit(claim.limit), &definitions, &versions, &fingerprints],
        )
        .await?;
    rows.iter().map(|row| rows::saga(row, 0).map_err(|error| error.told(&database.place))).collect()
}

/// Definitions as the parameters of a statement: a column each.
#[derive(Default)]
struct Known {
    definitions: Vec<String>,
    versions: Vec<i64>,
    fingerprints: Vec<String>,
}

impl Known {
    fn of(keys: &[DefinitionKey]) -> Self {
        let mut known = Self::default();
        for key in keys {
            known.definitions.push(escape(&key.name));
            known.versions.push(i64::from(key.version));
            known.fingerprints.push(key.fingerprint.to_string());
        }
        known
    }
}

pub(crate) async fn heartbeat(database: &Database, beat: &Beat) -> StoreResult<Heartbeat> {
    // A lease that ran out long ago says the same as none. Others may forget it in this moment.
    let renew = "WITH tx AS MATERIALIZED (SELECT clock_timestamp() AS now), forgotten AS ( \
            DELETE FROM {s}.workers w USING ( \
                SELECT w.id FROM {s}.workers w, tx WHERE w.leased_until < tx.now - interval '1 hour' AND w.id <> $1 \
                FOR UPDATE OF w SKIP LOCKED \
            ) old WHERE w.id = old.id \
        ), renewed AS ( \
            INSERT INTO {s}.workers (id, leased_until, definitions, versions, fingerprints) \
            SELECT $1, tx.now + $2 * interval '1 microsecond', $3, $4, $5 FROM tx \
            ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until, definitions = excluded.definitions, \
                versions = excluded.versions, fingerprints = excluded.fingerprints \
        ) \
        SELECT tx.now, {s}.requested_1($1), {s}.gather_tallies_1() FROM tx";
    // A thousand years, which the database can still add.
    let lease_max = i64::MAX / 300;
    let lease = i64::try_from(beat.lease.as_micros()).map_or(lease_max, |lease| lease.min(lease_max));
    #[expect(clippy::cast_precision_loss, reason = "a lease so long may end a microsecond early")]
    let lease = lease as f64;
    let Known { definitions, versions, fingerprints } = Known::of(&beat.definitions);
    let worker = worker_uuid(beat.worker);
    let values: [Value<'_>; 5] = [&worker, &lease, &definitions, &versions, &fingerprints];
    let rows = database.query(Repeat::Always, renew, &values).await?;
    let read = || {
        let row = rows.first().ok_or_else(|| crate::error::SqlError::broken("a heartbeat got no answer"))?;
        let requested: Vec<uuid::Uuid> = row.try_get(1)?;
        let requested = requested.into_iter().map(|id| SagaId::from_bytes(id.into_bytes())).collect();
        Ok(Heartbeat { now: rows::time(row, 0)?, requested })
    };
    read().map_err(|error: crate::error::SqlError| error.told(&database.place))
}

/// Since when the free saga waits that waits longest: what `claim_1` would find first, found in the same way.
pub(crate) async fn oldest_free(database: &Database) -> StoreResult<Option<Timestamp>> {
    let find = "WITH RECURSIVE tx AS MATERIALIZED (SELECT clock_timestamp() AS now), owners (owner) AS ( \
            (SELECT s.owner FROM {s}.sagas s WHERE s.due_at IS NOT NULL AND s.owner IS NOT NULL \
                ORDER BY s.owner LIMIT 1) \
            UNION ALL \
            SELECT (SELECT s.owner FROM {s}.sagas s WHERE s.due_at IS NOT NULL AND s.owner > o.owner \
                ORDER BY s.owner LIMIT 1) \
            FROM owners o WHERE o.owner IS NOT NULL \
        ), dead AS MATERIALIZED ( \
            SELECT o.owner FROM owners o, tx WHERE o.owner IS NOT NULL \
                AND NOT EXISTS (SELECT 1 FROM {s}.workers w WHERE w.id = o.owner AND w.leased_until > tx.now) \
        ), free AS ( \
            SELECT due.since FROM tx, LATERAL (SELECT s.due_at AS since FROM {s}.sagas s \
                WHERE s.owner IS NULL AND s.due_at <= tx.now ORDER BY s.due_at LIMIT 1) due \
            UNION ALL \
            SELECT due.since FROM tx, dead, LATERAL (SELECT s.due_at AS since FROM {s}.sagas s \
                WHERE s.owner = dead.owner AND s.due_at <= tx.now ORDER BY s.due_at LIMIT 1) due \
            UNION ALL \
            SELECT asked.since FROM tx, (SELECT DISTINCT q.saga FROM {s}.requests q) r, LATERAL ( \
                SELECT s.owner, coalesce(s.wake_at, s.updated_at) AS since FROM {s}.sagas s \
                WHERE s.id = r.saga AND s.ended_at IS NULL OFFSET 0) asked \
            WHERE NOT EXISTS (SELECT 1 FROM {s}.workers w WHERE w.id = asked.owner AND w.leased_until > tx.now) \
        ) SELECT since FROM free ORDER BY since LIMIT 1";
    Ok(read(database, find, &[], |row| rows::time(row, 0)).await?.pop())
}

/// Tells the others by the same commit, if there is a channel: a process that retires may be gone before it could send
/// anything else.
pub(crate) async fn retire(database: &Database, worker: WorkerId, channel: Option<&str>) -> StoreResult<()> {
    let retire = "WITH retired AS (DELETE FROM {s}.workers WHERE id = $1) \
        SELECT pg_notify($2, $3) WHERE $2::text IS NOT NULL";
    database.query(Repeat::Always, retire, &[&worker_uuid(worker), &channel, &WORK]).await?;
    Ok(())
}
