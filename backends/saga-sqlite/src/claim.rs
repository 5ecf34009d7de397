//! Claims and leases.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use saga::machine::Event;
use saga::store::{Claim, Heartbeat};
use saga::{SagaId, Timestamp, WorkerId};

use crate::append::add_entry;
use crate::error::SqlError;
use crate::rows;
use crate::writer::Write;

/// A saga that may be claimed, in the order of claims: since when it waits, its id, its number.
type Free = (i64, SagaId, i64);

pub(crate) fn claim(write: &mut Write<'_>, claim: &Claim) -> Result<Vec<SagaId>, SqlError> {
    let free = free(write.connection, claim, write.at)?;
    let event = Event::Claimed { worker: claim.worker }.encode();
    let mut claimed = Vec::with_capacity(free.len().min(claim.limit));
    for (_, saga, number) in free.into_iter().take(claim.limit) {
        let next = "SELECT max(sequence) + 1 FROM journal WHERE saga = ?1";
        let sequence = write.connection.prepare_cached(next)?.query_row([number], |row| row.get(0))?;
        add_entry(write, number, sequence, &event, None)?;
        let own = "UPDATE sagas SET owner = ?2, updated_at = ?3, \
                   due_at = iif(due_at IS NULL, NULL, coalesce(wake_at, ?3)) WHERE number = ?1";
        let values = params![number, claim.worker.as_bytes(), write.at.as_micros()];
        write.connection.prepare_cached(own)?.execute(values)?;
        claimed.push(saga);
    }
    Ok(claimed)
}

/// Since when the free saga waits that waits longest.
pub(crate) fn oldest_free(connection: &Connection, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let claim = Claim { worker: WorkerId::from_bytes([0; 16]), definitions: None, limit: 1 };
    Ok(free(connection, &claim, now)?.first().map(|(since, ..)| Timestamp::from_micros(*since)))
}

/// The free sagas that wait longest, at least as many as the claim can take.
fn free(connection: &Connection, claim: &Claim, now: Timestamp) -> Result<BTreeSet<Free>, SqlError> {
    let mut free = BTreeSet::new();
    let now = now.as_micros();
    for owner in free_owners(connection, now)? {
        let condition = "owner IS ?1 AND due_at IS NOT NULL AND due_at <= ?2";
        find(connection, claim, condition, "due_at", vec![owner, now.into()], &mut free)?;
    }
    let condition = "number IN (SELECT saga FROM requests) AND ended_at IS NULL AND NOT EXISTS \
                     (SELECT 1 FROM workers WHERE workers.id = owner AND leased_until > ?1)";
    find(connection, claim, condition, "coalesce(wake_at, updated_at)", vec![now.into()], &mut free)?;
    Ok(free)
}

/// Nobody, and each owner of a saga that has no running lease.
fn free_owners(connection: &Connection, now: i64) -> Result<Vec<Value>, SqlError> {
    // From one owner to the next, by the index: there are few, however many sagas each has.
    let next = "SELECT owner, EXISTS (SELECT 1 FROM workers WHERE workers.id = owner AND leased_until > ?2) \
                FROM sagas WHERE owner > ?1 AND due_at IS NOT NULL ORDER BY owner LIMIT 1";
    let mut statement = connection.prepare_cached(next)?;
    let mut free = vec![Value::Null];
    let mut last: Vec<u8> = Vec::new();
    loop {
        let found: Option<(Vec<u8>, bool)> =
            statement.query_row(params![last, now], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((owner, is_alive)) = found else { return Ok(free) };
        last = owner;
        if !is_alive {
            free.push(Value::Blob(last.clone()));
        }
    }
}

/// Adds the first sagas that match, as many as the claim can take.
fn find(
    connection: &Connection,
    claim: &Claim,
    condition: &str,
    since: &str,
    mut values: Vec<Value>,
    free: &mut BTreeSet<Free>,
) -> Result<(), SqlError> {
    let mut of_definition = String::new();
    if let Some(definitions) = &claim.definitions {
        let places = vec!["(?, ?, ?)"; definitions.len()].join(", ");
        of_definition = if definitions.is_empty() {
            " AND FALSE".to_owned()
        } else {
            format!(" AND (definition, version, fingerprint) IN (VALUES {places})")
        };
        for key in definitions {
            let fingerprint = key.fingerprint.to_string();
            values.extend([key.name.clone().into(), i64::from(key.version).into(), fingerprint.into()]);
        }
    }
    values.push(rows::limit(claim.limit).into());
    let find = format!(
        "SELECT {since}, id, number FROM sagas WHERE {condition}{of_definition} ORDER BY {since}, id LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&find)?;
    let found = statement
        .query_map(params_from_iter(values), |row| Ok((row.get(0)?, rows::saga(row, 1)?, row.get(2)?)))?;
    for saga in found {
        free.insert(saga?);
    }
    Ok(())
}

/// `definitions` is what the worker knows, as JSON.
pub(crate) fn heartbeat(
    write: &Write<'_>,
    worker: WorkerId,
    lease: Duration,
    definitions: &str,
) -> Result<Heartbeat, SqlError> {
    // A lease that has run out says the same as none.
    let forget = "DELETE FROM workers WHERE leased_until <= ?1";
    write.connection.prepare_cached(forget)?.execute([write.at.as_micros()])?;
    let renew = "INSERT INTO workers (id, leased_until, definitions) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE \
                 SET leased_until = excluded.leased_until, definitions = excluded.definitions";
    let until = write.at.saturating_add(lease);
    write.connection.prepare_cached(renew)?.execute(params![
        worker.as_bytes(),
        until.as_micros(),
        definitions
    ])?;
    let requested = "SELECT id FROM sagas WHERE number IN (SELECT saga FROM requests) AND owner = ?1";
    let mut statement = write.connection.prepare_cached(requested)?;
    let requested = statement.query_map([worker.as_bytes()], |row| rows::saga(row, 0))?;
    Ok(Heartbeat { now: write.at, requested: requested.collect::<Result<_, _>>()? })
}

pub(crate) fn retire(write: &Write<'_>, worker: WorkerId) -> Result<(), SqlError> {
    let retire = "DELETE FROM workers WHERE id = ?1";
    write.connection.prepare_cached(retire)?.execute([worker.as_bytes()])?;
    Ok(())
}

/// Ends all leases: whoever opens the file is the only one who has it.
pub(crate) fn void_leases(connection: &Connection) -> Result<(), SqlError> {
    connection.execute("DELETE FROM workers", [])?;
    Ok(())
}
