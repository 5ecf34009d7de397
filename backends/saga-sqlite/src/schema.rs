//! The tables, and how a file gets to them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use saga::StoreError;

use crate::error::SqlError;

/// Each migration leads from its place to the next. One that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// Marks the file as ours, in its header: "saga" in ASCII.
const APPLICATION_ID: i32 = 0x7361_6761;

/// Brings the tables up to date. All or nothing, also if the process dies on the way.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), SqlError> {
    let migration = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |name: &str| migration.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = migration.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_ours = application == i64::from(APPLICATION_ID);
    if tables > 0 && !is_ours {
        return Err(SqlError::Store(StoreError::unusable(format!(
            "{} is a database of another program: name another file",
            path.display()
        ))));
    }
    let known = MIGRATIONS.len();
    let from = usize::try_from(version).ok().filter(|version| *version <= known).ok_or_else(|| {
        StoreError::unusable(format!(
            "{} has the schema version {version}, this program knows up to {known}: deploy a newer one",
            path.display()
        ))
    })?;
    for statements in &MIGRATIONS[from..] {
        migration.execute_batch(statements)?;
    }
    if from < known {
        migration.pragma_update(None, "application_id", APPLICATION_ID)?;
        migration.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX))?;
    }
    migration.commit()?;
    Ok(())
}
