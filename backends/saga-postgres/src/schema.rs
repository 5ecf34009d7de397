//! The tables, and how a database gets to them.

use saga::StoreError;
use tokio::time::timeout;
use tokio_postgres::Transaction;

use crate::database::Database;
use crate::error::SqlError;

/// Each migration leads from its place to the next. One that was released is never changed.
const MIGRATIONS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// Keeps two that open one schema apart, with the schema's name hashed beside it: "saga" in ASCII.
const LOCK: i32 = 0x7361_6761;

/// Brings the tables up to date. All or nothing, also if the process dies on the way.
pub(crate) async fn migrate(database: &Database) -> Result<(), SqlError> {
    let mut client = database.pool.get().await?;
    let work = async {
        // Whoever may only read and write the tables can open them too, where there is nothing to do.
        let transaction = client.transaction().await?;
        if version(&transaction, database).await? == Some(known())
            && !is_behind(&transaction, database).await?
        {
            return Ok(());
        }
        let schema = &database.schema;
        transaction.query_one("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCK, schema]).await?;
        // Looked at again: another may have been faster.
        let from = version(&transaction, database).await?;
        if from.is_none() {
            // Without the right to create one, a schema that somebody else created will do.
            let exists = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname::text = $1)";
            let name = unquoted(schema);
            if !transaction.query_one(exists, &[&name]).await?.try_get::<_, bool>(0)? {
                transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
            }
        }
        transaction.batch_execute(&format!("SET LOCAL search_path TO {schema}")).await?;
        let from = usize::try_from(from.unwrap_or(0)).unwrap_or(0);
        for statements in &MIGRATIONS[from..] {
            transaction.batch_execute(statements).await?;
        }
        transaction.execute("UPDATE settings SET version = $1", &[&known()]).await?;
        // After a dump was restored elsewhere, transaction numbers are lower there, and new positions would be among
        // the old ones.
        let raise = "UPDATE settings SET position_base = greatest(position_base, \
                     (SELECT coalesce(max(position), 0) FROM journal) - (pg_current_xact_id()::text::bigint << 20) + 1)";
        transaction.execute(raise, &[]).await?;
        transaction.commit().await?;
        Ok(())
    };
    timeout(database.statement_timeout * 2, work).await.unwrap_or(Err(SqlError::Silent))
}

/// Whether the tables are there, and those that this program knows. It changes nothing.
pub(crate) async fn check_current(database: &Database) -> Result<(), SqlError> {
    let mut client = database.pool.get().await?;
    let work = async {
        let transaction = client.transaction().await?;
        version(&transaction, database).await
    };
    let version = timeout(database.statement_timeout * 2, work).await.unwrap_or(Err(SqlError::Silent))?;
    let (place, schema, known) = (&database.place, &database.schema, known());
    let problem = match version {
        Some(version) if version == known => return Ok(()),
        Some(version) => {
            format!(
                "{place}, schema {schema}: it has the version {version}, this program needs {known}: migrate it"
            )
        }
        None => format!(
            "{place} has no sagas in the schema {schema}: name another database or schema, or migrate it"
        ),
    };
    Err(SqlError::Store(StoreError::unusable(problem)))
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of the schema; `None` where there is none.
async fn version(transaction: &Transaction<'_>, database: &Database) -> Result<Option<i64>, SqlError> {
    let schema = &database.schema;
    // A scan and not `to_regclass`: that may answer from a cache that another's commit did not reach yet.
    let find = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname::text = $1 AND c.relname = 'settings')";
    let is_there = transaction.query_one(find, &[&unquoted(schema)]).await?;
    if !is_there.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = transaction.query_one(&format!("SELECT version FROM {schema}.settings"), &[]).await?;
    let version: i64 = row.try_get(0)?;
    if version > known() {
        let known = known();
        return Err(SqlError::Store(StoreError::unusable(format!(
            "{}, schema {schema}: it has the version {version}, this program knows up to {known}: deploy a newer one",
            database.place
        ))));
    }
    Ok(Some(version))
}

/// Whether new positions would not come behind all that are there.
async fn is_behind(transaction: &Transaction<'_>, database: &Database) -> Result<bool, SqlError> {
    let ask = "SELECT coalesce((SELECT max(position) FROM {s}.journal) >= position_base + \
               (pg_snapshot_xmax(pg_current_snapshot())::text::bigint << 20), FALSE) FROM {s}.settings";
    let row = transaction.query_one(&ask.replace("{s}", &database.schema), &[]).await?;
    Ok(row.try_get(0)?)
}

/// The name of a schema as SQL spells it.
pub(crate) fn quoted(schema: &str) -> Result<String, StoreError> {
    // Its channel has a few more, and the database cuts names off at 63 bytes.
    if schema.is_empty() || schema.len() > 50 || schema.contains('\0') {
        return Err(StoreError::unusable(format!("`{schema}` cannot name a schema: take 1 to 50 bytes")));
    }
    Ok(format!("\"{}\"", schema.replace('"', "\"\"")))
}

/// The name that [`quoted`] made this of.
fn unquoted(schema: &str) -> String {
    schema[1..schema.len() - 1].replace("\"\"", "\"")
}
