//! What tools ask for: the shapes of definitions, who is alive, and what none of those knows.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use saga::store::{DefinitionKey, UNKNOWN_LOOK_MAX, UnknownDefinition, WorkerLease};
use saga::{DefinitionShape, Timestamp, WorkerId};

use crate::error::SqlError;
use crate::rows;
use crate::writer::Write;

pub(crate) fn describe(write: &Write<'_>, shapes: &[(DefinitionKey, String)]) -> Result<(), SqlError> {
    let keep = "INSERT INTO definitions (name, version, fingerprint, shape) VALUES (?1, ?2, ?3, ?4) \
                ON CONFLICT DO UPDATE SET shape = excluded.shape WHERE shape <> excluded.shape";
    for (key, shape) in shapes {
        let values = params![key.name, key.version, key.fingerprint.to_string(), shape];
        write.connection.prepare_cached(keep)?.execute(values)?;
    }
    Ok(())
}

pub(crate) fn shape(
    connection: &Connection,
    key: &DefinitionKey,
) -> Result<Option<DefinitionShape>, SqlError> {
    let find = "SELECT shape FROM definitions WHERE name = ?1 AND version = ?2 AND fingerprint = ?3";
    let values = params![key.name, key.version, key.fingerprint.to_string()];
    let text: Option<String> =
        connection.prepare_cached(find)?.query_row(values, |row| row.get(0)).optional()?;
    text.map(|text| {
        serde_json::from_str(&text)
            .map_err(|error| SqlError::broken(format!("the shape of `{}` cannot be read: {error}", key.name)))
    })
    .transpose()
}

pub(crate) fn workers(connection: &Connection, now: Timestamp) -> Result<Vec<WorkerLease>, SqlError> {
    let find = "SELECT id, leased_until FROM workers WHERE leased_until > ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(find)?;
    let workers = statement.query_map([now.as_micros()], |row| {
        Ok(WorkerLease {
            worker: WorkerId::from_bytes(row.get(0)?),
            leased_until: Timestamp::from_micros(row.get(1)?),
        })
    })?;
    Ok(workers.collect::<Result<_, _>>()?)
}

pub(crate) fn unknown(connection: &Connection, now: Timestamp) -> Result<Vec<UnknownDefinition>, SqlError> {
    let mut known: HashSet<DefinitionKey> = HashSet::new();
    let mut statement =
        connection.prepare_cached("SELECT definitions FROM workers WHERE leased_until > ?1")?;
    let mut workers = statement.query([now.as_micros()])?;
    while let Some(row) = workers.next()? {
        let definitions: String = row.get(0)?;
        let definitions: Vec<DefinitionKey> = serde_json::from_str(&definitions)
            .map_err(|error| SqlError::broken(format!("what a worker knows cannot be read: {error}")))?;
        known.extend(definitions);
    }
    // A stuck saga is not due, whatever is asked of it.
    let of = "definition, version, fingerprint FROM sagas WHERE \
              (owner IS NULL OR owner NOT IN (SELECT id FROM workers WHERE leased_until > ?1)) AND";
    let find = format!(
        "SELECT definition, version, fingerprint, count(*) FROM (\
            SELECT * FROM (SELECT {of} due_at IS NOT NULL ORDER BY due_at, id LIMIT ?2) UNION ALL \
            SELECT * FROM (SELECT {of} state = 'stuck' ORDER BY created_at, id LIMIT ?2)\
        ) GROUP BY 1, 2, 3"
    );
    let mut statement = connection.prepare_cached(&find)?;
    let mut groups = statement.query(params![now.as_micros(), rows::signed(UNKNOWN_LOOK_MAX)])?;
    let mut unknown = BTreeMap::new();
    while let Some(row) = groups.next()? {
        let key =
            DefinitionKey { name: row.get(0)?, version: row.get(1)?, fingerprint: rows::parsed(row, 2)? };
        if !known.contains(&key) {
            unknown.insert(key, rows::number(row, 3)?);
        }
    }
    Ok(unknown.into_iter().map(|(definition, sagas)| UnknownDefinition { definition, sagas }).collect())
}
