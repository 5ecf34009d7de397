//! Opening a file: what is made of it, and what is refused with a reason.

mod common;

use common::{Directory, step, take};
use rusqlite::Connection;
use saga::StoreError;
use saga::store::{JournalStore, QueryStore};
use saga_sqlite::SqliteStore;

async fn refused(path: impl Into<std::path::PathBuf>) -> (StoreError, String) {
    let error = SqliteStore::open(path).await.expect_err("the file is refused");
    let text = error.to_string();
    (error, text)
}

async fn works(store: &SqliteStore) {
    let new = common::new_saga();
    take(store, &new).await;
    assert_eq!(store.load(new.saga).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_is_made_where_there_is_none_and_tables_where_it_is_empty() {
    let directory = Directory::new();
    works(&SqliteStore::open(directory.file()).await.unwrap()).await;
    let directory = Directory::new();
    std::fs::write(directory.file(), b"").unwrap();
    works(&SqliteStore::open(directory.file()).await.unwrap()).await;
    let schema = Connection::open(directory.file()).unwrap();
    let version: i64 = schema.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let mode: String = schema.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!((version, mode.as_str()), (3, "wal"));
}

#[tokio::test]
async fn a_migration_that_was_cut_off_is_done_again() {
    let directory = Directory::new();
    // A process that died in the middle of it left its transaction open.
    let mut dead = Connection::open(directory.file()).unwrap();
    dead.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    let half = dead.transaction().unwrap();
    half.execute_batch("CREATE TABLE sagas (number INTEGER PRIMARY KEY) STRICT").unwrap();
    drop(half);
    drop(dead);
    works(&SqliteStore::open(directory.file()).await.unwrap()).await;
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    drop(SqliteStore::open(directory.file()).await.unwrap());
    let later = Connection::open(directory.file()).unwrap();
    later.pragma_update(None, "user_version", 7).unwrap();
    let (error, text) = refused(directory.file()).await;
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(text.contains("version 7") && text.contains("up to 3") && text.contains("newer"), "{text}");
    let version: i64 = later.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    let other = Connection::open(directory.file()).unwrap();
    other.execute_batch("CREATE TABLE invoices (id INTEGER PRIMARY KEY)").unwrap();
    drop(other);
    let before = std::fs::read(directory.file()).unwrap();
    let (error, text) = refused(directory.file()).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && text.contains("another program"), "{text}");
    assert!(std::fs::read(directory.file()).unwrap() == before, "the file was changed");
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let directory = Directory::new();
    std::fs::write(directory.file(), "a letter to my aunt\n".repeat(100)).unwrap();
    let (error, text) = refused(directory.file()).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && text.contains("no SQLite database"), "{text}");
}

#[tokio::test]
async fn a_missing_directory_and_what_is_no_file_are_refused_with_advice() {
    let directory = Directory::new();
    let (error, text) = refused(directory.file().join("missing").join("sagas.db")).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && text.contains("create it"), "{text}");
    std::fs::create_dir(directory.file()).unwrap();
    let (error, text) = refused(directory.file()).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && text.contains("cannot be opened"), "{text}");
    let (_, text) = refused(":memory:").await;
    assert!(text.contains("MemoryStore"), "{text}");
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_refused_with_advice() {
    let directory = Directory::new();
    drop(SqliteStore::open(directory.file()).await.unwrap());
    let mut permissions = std::fs::metadata(directory.file()).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(directory.file(), permissions).unwrap();
    if std::fs::OpenOptions::new().write(true).open(directory.file()).is_ok() {
        println!("skipped: this user may write whatever the permissions say");
        return;
    }
    let (error, text) = refused(directory.file()).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && text.contains("let this user write"), "{text}");
}

#[tokio::test]
async fn a_second_opening_in_this_process_is_refused_under_any_name_until_the_first_is_dropped() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let file = directory.file();
    let other_name =
        file.parent().unwrap().join(".").join("..").join(file.parent().unwrap().file_name().unwrap());
    for path in [file.clone(), other_name.join("sagas.db")] {
        let (error, text) = refused(path).await;
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
        assert!(text.contains("sagas.db") && text.contains("this process"), "{text}");
    }
    works(&store).await;
    drop(store);
    works(&SqliteStore::open(file).await.unwrap()).await;
}

#[tokio::test]
async fn people_read_the_tables_while_sagas_run() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let new = common::new_saga();
    take(&store, &new).await;
    take(&store, &step(new.saga, 1)).await;
    take(&store, &common::failed(new.saga, 2, "card declined")).await;

    let people = Connection::open(directory.file()).unwrap();
    let row: (String, String, i64, String, String) = people
        .query_row("SELECT id, state, steps_done, last_error, created FROM saga_overview", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap();
    let created = store.instance(new.saga).await.unwrap().unwrap().created_at.to_string();
    let id = new.saga.to_string();
    let shown = (id.clone(), "pending".to_owned(), 1, "charge: card declined".to_owned());
    assert_eq!((row.0, row.1, row.2, row.3), shown);
    assert_eq!(row.4.replace(' ', "T"), created);
    let events: String = people
        .query_row("SELECT group_concat(type, ' ') FROM saga_events WHERE saga = ?1", [&id], |row| row.get(0))
        .unwrap();
    assert_eq!(events, "saga_started step_completed step_failed");

    let shell = std::process::Command::new("sqlite3")
        .arg(directory.file())
        .arg("SELECT id FROM saga_overview WHERE last_error LIKE '%declined'")
        .output();
    match shell {
        Ok(shell) => assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), id, "{shell:?}"),
        Err(error) => println!("skipped: there is no `sqlite3` shell here ({error})"),
    }
}
