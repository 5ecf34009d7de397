//! What goes wrong below the store: nothing is lost, and it goes on once it is mended.

mod common;

use std::time::Duration;

use common::{Directory, new_saga, step, take};
use rusqlite::{Connection, TransactionBehavior};
use saga::StoreError;
use saga::store::{JournalStore, QueryStore};
use saga_sqlite::{SqliteOptions, SqliteStore};

#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let new = new_saga();
    take(&store, &new).await;
    store.set_size_max(1).await.unwrap();

    let mut expected = 1;
    let error = loop {
        assert!(expected < 1_000, "the file never fills up");
        match store.append_one(&step(new.saga, expected)).await {
            Ok(answer) => _ = answer.expect("the append is taken"),
            Err(error) => break error,
        }
        expected += 1;
    };
    let text = error.to_string();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(text.contains("full") && text.contains("size_max_bytes"), "{text}");
    // What failed left nothing behind, and what was there can be read.
    assert_eq!(store.load(new.saga).await.unwrap().len() as u64, expected);

    store.set_size_max(u64::MAX).await.unwrap();
    take(&store, &step(new.saga, expected)).await;
    assert_eq!(store.load(new.saga).await.unwrap().len() as u64, expected + 1);
}

#[tokio::test]
async fn a_small_file_can_be_opened_with_a_larger_limit() {
    let directory = Directory::new();
    let pages = |count: u64| SqliteOptions::new(directory.file()).size_max_bytes(count * 4_096);
    let error = pages(3).open().await.expect_err("the tables alone take more");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    take(&pages(100).open().await.unwrap(), &new_saga()).await;
}

#[tokio::test]
async fn a_call_that_fails_hinders_no_other_of_its_commit() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let (first, second, third) = (new_saga(), new_saga(), new_saga());
    for new in [&first, &second, &third] {
        take(&store, new).await;
    }
    // A saga whose rows the database refuses.
    let foreign = Connection::open(directory.file()).unwrap();
    foreign
        .execute_batch(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON journal WHEN NEW.saga = \
             (SELECT number FROM sagas WHERE id = x'{}') BEGIN SELECT raise(ABORT, 'not this one'); END",
            second.saga.to_string().replace('-', "")
        ))
        .unwrap();
    // All three wait for this transaction to end, and are then written together.
    let blocking = foreign.unchecked_transaction().unwrap();
    blocking.execute("DELETE FROM workers", []).unwrap();
    let appends = [&first, &second, &third].map(|new| step(new.saga, 1));
    let (one, two, three, ()) = tokio::join!(
        store.append_one(&appends[0]),
        store.append_one(&appends[1]),
        store.append_one(&appends[2]),
        async { blocking.commit().unwrap() },
    );
    assert!(one.unwrap().is_ok());
    assert!(two.unwrap_err().to_string().contains("not this one"));
    assert!(three.unwrap().is_ok());
    for (new, length) in [(first, 2), (second, 1), (third, 2)] {
        assert_eq!(store.load(new.saga).await.unwrap().len(), length);
    }
}

#[tokio::test]
async fn another_program_that_writes_for_long_is_waited_out() {
    let directory = Directory::new();
    let options = SqliteOptions::new(directory.file()).busy_timeout(Duration::from_millis(50));
    let store = options.open().await.unwrap();
    let new = new_saga();
    take(&store, &new).await;
    let mut shell = Connection::open(directory.file()).unwrap();
    let writing = shell.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let error = store.append_one(&step(new.saga, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("another program"), "{error}");
    // Reading goes on.
    assert_eq!(store.load(new.saga).await.unwrap().len(), 1);
    drop(writing);
    take(&store, &step(new.saga, 1)).await;
}

#[tokio::test]
async fn a_row_that_we_did_not_write_is_named() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let new = new_saga();
    take(&store, &new).await;
    let shell = Connection::open(directory.file()).unwrap();
    shell.execute("UPDATE journal SET event = '{\"v\": 99}'", []).unwrap();
    let error = store.load(new.saga).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Broken { .. }) && error.to_string().contains("version 99"),
        "{error}"
    );
    shell.execute("UPDATE sagas SET state = 'lost'", []).unwrap();
    let error = store.instance(new.saga).await.unwrap_err();
    assert!(matches!(error, StoreError::Broken { .. }) && error.to_string().contains("lost"), "{error}");
}

#[test]
fn a_runtime_that_ends_leaves_the_store_to_others() {
    let directory = Directory::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(SqliteStore::open(directory.file())).unwrap();
    let new = new_saga();
    first.block_on(take(&store, &new));
    drop(first);
    second.block_on(async {
        take(&store, &step(new.saga, 1)).await;
        assert_eq!(store.load(new.saga).await.unwrap().len(), 2);
    });
}
