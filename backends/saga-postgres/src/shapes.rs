//! What tools ask for: the shapes of definitions, who is alive, and what none of those knows.

use saga::store::{DefinitionKey, StoreResult, UNKNOWN_LOOK_MAX, UnknownDefinition, WorkerLease};
use saga::{DefinitionShape, StoreError, WorkerId};
use uuid::Uuid;

use crate::database::{Database, Repeat};
use crate::error::SqlError;
use crate::queries::read;
use crate::rows::{self, escape, signed, unescape};

pub(crate) async fn describe(database: &Database, shapes: &[DefinitionShape]) -> StoreResult<()> {
    if shapes.is_empty() {
        return Ok(());
    }
    // In one order in each process, so that two of them that are built at the same time don't wait for each other.
    let mut keyed: Vec<_> = shapes.iter().map(|shape| (DefinitionKey::of_shape(shape), shape)).collect();
    keyed.sort_by(|(a, _), (b, _)| (&a.name, a.version).cmp(&(&b.name, b.version)));
    let (mut names, mut versions, mut fingerprints, mut texts) = (vec![], vec![], vec![], vec![]);
    for (key, shape) in keyed {
        names.push(escape(&key.name));
        versions.push(i64::from(key.version));
        fingerprints.push(key.fingerprint.to_string());
        texts.push(serde_json::to_string(shape).map_err(|error| StoreError::broken(error.to_string()))?);
    }
    let keep = "INSERT INTO {s}.definitions AS d (name, version, fingerprint, shape) \
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) \
                ON CONFLICT (name, version, fingerprint) DO UPDATE SET shape = excluded.shape \
                WHERE d.shape <> excluded.shape";
    database.query(Repeat::Always, keep, &[&names, &versions, &fingerprints, &texts]).await?;
    Ok(())
}

pub(crate) async fn shape(database: &Database, key: &DefinitionKey) -> StoreResult<Option<DefinitionShape>> {
    let find = "SELECT shape FROM {s}.definitions WHERE name = $1 AND version = $2 AND fingerprint = $3";
    let (name, version, fingerprint) =
        (escape(&key.name), i64::from(key.version), key.fingerprint.to_string());
    let mut shapes = read(database, find, &[&name, &version, &fingerprint], |row| {
        serde_json::from_str(row.try_get(0)?)
            .map_err(|error| SqlError::broken(format!("the shape of `{}` cannot be read: {error}", key.name)))
    })
    .await?;
    Ok(shapes.pop())
}

pub(crate) async fn workers(database: &Database) -> StoreResult<Vec<WorkerLease>> {
    let find = "SELECT id, leased_until FROM {s}.workers WHERE leased_until > clock_timestamp() ORDER BY id";
    read(database, find, &[], |row| {
        let id: Uuid = row.try_get(0)?;
        Ok(WorkerLease { worker: WorkerId::from_bytes(id.into_bytes()), leased_until: rows::time(row, 1)? })
    })
    .await
}

pub(crate) async fn unknown(database: &Database) -> StoreResult<Vec<UnknownDefinition>> {
    let find = "SELECT definition, version, fingerprint, sagas FROM {s}.unknown_1($1)";
    let mut unknown = read(database, find, &[&signed(UNKNOWN_LOOK_MAX)], |row| {
        let definition = DefinitionKey {
            name: unescape(row.try_get(0)?),
            version: u32::try_from(rows::number(row, 1)?).map_err(SqlError::unreadable)?,
            fingerprint: row.try_get::<_, &str>(2)?.parse().map_err(SqlError::unreadable)?,
        };
        Ok(UnknownDefinition { definition, sagas: rows::number(row, 3)? })
    })
    .await?;
    // Not in the order of the database's language.
    unknown.sort_unstable_by(|a, b| a.definition.cmp(&b.definition));
    Ok(unknown)
}
