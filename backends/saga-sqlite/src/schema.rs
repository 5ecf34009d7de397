//! The tables, and how a file gets to them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use saga::StoreError;

use crate::error::SqlError;

/// Each migration leads from its place to the next. One that was released is never changed.
const MIGRATIONS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// Marks the file as ours, in its header: "saga" in ASCII.
const APPLICATION_ID: i32 = 0x7361_6761;

/// Whether the file is ours, or empty, and of a version that is known; its version, then. It changes nothing: a file
/// of another program is left as it is.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<usize, SqlError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != i64::from(APPLICATION_ID) {
        return Err(SqlError::Store(StoreError::unusable(format!(
            "{} is a database of another program: name another file",
            path.display()
        ))));
    }
    let known = MIGRATIONS.len();
    let is_known = |version: &usize| *version <= known;
    usize::try_from(version).ok().filter(is_known).ok_or_else(|| {
        SqlError::Store(StoreError::unusable(format!(
            "{} has the schema version {version}, this program knows up to {known}: deploy a newer one",
            path.display()
        )))
    })
}

/// Whether the file is ours and has the tables that this program knows, neither older nor newer ones.
pub(crate) fn check_current(connection: &Connection, path: &Path) -> Result<(), SqlError> {
    let (version, known) = (check(connection, path)?, MIGRATIONS.len());
    let problem = match version {
        _ if version == known => return Ok(()),
        0 => format!("{} has no tables of ours: name the file that the sagas are in", path.display()),
        _ => format!(
            "{} has the schema version {version}, this program needs {known}: migrate it, while nothing has it open",
            path.display()
        ),
    };
    Err(SqlError::Store(StoreError::unusable(problem)))
}

/// Brings the tables up to date. All or nothing, also if the process dies on the way.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), SqlError> {
    let migration = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = check(&migration, path)?;
    for statements in &MIGRATIONS[from..] {
        migration.execute_batch(statements)?;
    }
    if from < MIGRATIONS.len() {
        migration.pragma_update(None, "application_id", APPLICATION_ID)?;
        migration.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    }
    migration.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_earlier_version_is_brought_up_to_date() {
        for version in 1..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for statements in &MIGRATIONS[..version] {
                connection.execute_batch(statements).unwrap();
            }
            connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
            connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
            connection.execute("INSERT INTO workers (id, leased_until) VALUES (x'00', 1)", []).unwrap();
            migrate(&mut connection, Path::new("a file")).unwrap();
            check_current(&connection, Path::new("a file")).unwrap();
            let known = "SELECT definitions FROM workers";
            let known: String = connection.query_row(known, [], |row| row.get(0)).unwrap();
            assert_eq!(known, "[]");
        }
    }
}
