//! The floor: tasks that send the rows of sagas to the same driver in batches, with no saga around them.
//!
//! Tables, indexes and triggers are the store's own; so are the rows, copied from one saga that was driven before. Each
//! task sends five writes one after the other, as a saga has five appends, and waits for each one's commit. Whatever has
//! come while one commit was under way shares the next.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// One append of one saga, and who waits for its commit.
struct Job {
    id: [u8; 16],
    number: i64,
    append: usize,
    committed: oneshot::Sender<()>,
}

/// A row of the journal.
struct Entry {
    sequence: i64,
    event: String,
    payload: Option<Vec<u8>>,
}

pub(crate) struct Floor {
    jobs: mpsc::UnboundedSender<Job>,
    next: Arc<std::sync::atomic::AtomicI64>,
}

impl Floor {
    pub(crate) fn new(runtime: &Runtime, path: &Path) -> Self {
        runtime.block_on(super::leave_a_saga(path));
        let connection = Connection::open(path).expect("the store's file");
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;")
            .expect("settings of the driver");
        let appends = appends(&connection);
        let (jobs, queue) = mpsc::unbounded_channel();
        std::thread::spawn(move || write_batches(&connection, &appends, queue));
        Self { jobs, next: Arc::new(2.into()) }
    }

    /// `units` sagas' rows, from so many tasks.
    pub(crate) async fn write(&self, tasks: u32, units: u32) {
        let task = |_| {
            let (jobs, next) = (self.jobs.clone(), Arc::clone(&self.next));
            tokio::spawn(async move {
                for _ in 0..units / tasks {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let id = *saga::SagaId::new().as_bytes();
                    for append in 0..5 {
                        let (committed, commit) = oneshot::channel();
                        assert!(
                            jobs.send(Job { id, number, append, committed }).is_ok(),
                            "the writer is there"
                        );
                        commit.await.expect("a commit");
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..tasks).map(task).collect();
        for task in tasks {
            task.await.expect("a task");
        }
    }
}

/// The journal of the one saga in the file, as its five appends wrote it: the last has the end with it.
fn appends(connection: &Connection) -> Vec<Vec<Entry>> {
    let mut read =
        connection.prepare("SELECT sequence, event, payload FROM journal ORDER BY sequence").expect("SQL");
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry { sequence: row.get(0)?, event: row.get(1)?, payload: row.get(2)? })
    };
    let mut entries: Vec<Entry> =
        read.query_map([], entry).expect("a query").map(|entry| entry.expect("a row")).collect();
    assert_eq!(entries.len(), 6, "a start, four steps, an end");
    let end = entries.pop().expect("six entries");
    let mut appends: Vec<Vec<Entry>> = entries.into_iter().map(|entry| vec![entry]).collect();
    appends[4].push(end);
    appends
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
            // Its task may be gone with the runtime.
            _ = job.committed.send(());
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
