//! The floor beneath the SQLite store: its own tables, indexes and triggers; its rows are copied from one saga.

use std::path::Path;

use rusqlite::{Connection, params};
use saga_bench::floor::{Entry, Floor, Job, appends};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

pub(crate) fn begin(runtime: &Runtime, path: &Path) -> Floor {
    runtime.block_on(super::leave_a_saga(path));
    let connection = Connection::open(path).expect("the store's file");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;")
        .expect("settings of the driver");
    let appends = appends(entries(&connection));
    let (floor, queue) = Floor::new();
    std::thread::spawn(move || write_batches(&connection, &appends, queue));
    floor
}

fn entries(connection: &Connection) -> Vec<Entry> {
    let mut read =
        connection.prepare("SELECT sequence, event, payload FROM journal ORDER BY sequence").expect("SQL");
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry { sequence: row.get(0)?, event: row.get(1)?, payload: row.get(2)? })
    };
    read.query_map([], entry).expect("a query").map(|entry| entry.expect("a row")).collect()
}

fn write_batches(connection: &Connection, appends: &[Vec<Entry>], mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(job) = queue.try_recv() {
            batch.push(job);
        }
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for job in &batch {
            write(connection, job, &appends[job.append]).expect("rows");
        }
        connection.execute_batch("COMMIT").expect("a commit");
        for job in batch {
            job.is_committed();
        }
    }
}

fn write(connection: &Connection, job: &Job, entries: &[Entry]) -> rusqlite::Result<()> {
    let at = saga::Timestamp::system_now().as_micros();
    if job.append == 0 {
        let create = "INSERT INTO sagas SELECT ?1, ?2, definition, version, fingerprint, 'running', key, labels, ?2, \
                      NULL, ?3, ?3, ?3, NULL FROM sagas WHERE number = 1";
        connection.prepare_cached(create)?.execute(params![job.number, job.id, at])?;
    }
    let add = "INSERT INTO journal (saga, sequence, at, event, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut add = connection.prepare_cached(add)?;
    for Entry { sequence, event, payload } in entries {
        add.execute(params![job.number, sequence, at, event, payload])?;
    }
    if job.append == 4 {
        let end = "UPDATE sagas SET state = 'completed', owner = NULL, due_at = NULL, updated_at = ?2, ended_at = ?2 \
                   WHERE number = ?1";
        connection.prepare_cached(end)?.execute(params![job.number, at])?;
    }
    Ok(())
}
