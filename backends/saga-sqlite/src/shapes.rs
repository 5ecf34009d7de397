//! What tools ask for: the shapes of definitions, and who is alive.

use rusqlite::{Connection, OptionalExtension, params};
use saga::store::{DefinitionKey, WorkerLease};
use saga::{DefinitionShape, Timestamp, WorkerId};

use crate::error::SqlError;
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
