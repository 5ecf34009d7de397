//! The one way to write: calls gather while a commit is under way, and the next takes all of them.
//!
//! There is no thread of our own. A call that finds nobody writing starts a writer on tokio's blocking threads; it
//! writes until nothing is left. So a test's paused clock stands still while something is being written, and a
//! runtime that shuts down waits for the commit.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use saga::store::{Clock, StoreResult};
use saga::{StoreError, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{SqlError, copy, running};
use crate::lock::FileLock;

/// The connection that writes, and the lock that makes it the only one.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    /// Of the next entry of a journal. Those of transactions that failed are not used again.
    pub(crate) next_position: i64,
    /// Let go after the connection is closed.
    pub(crate) _lock: Option<FileLock>,
}

/// What a call sees of the transaction that it is part of.
pub(crate) struct Write<'a> {
    pub(crate) connection: &'a Connection,
    /// The time of all that the call writes; later than that of any call before.
    pub(crate) at: Timestamp,
    next_position: &'a mut i64,
}

impl Write<'_> {
    /// The place of the next entry of a journal.
    pub(crate) fn take_position(&mut self) -> i64 {
        let position = *self.next_position;
        *self.next_position += 1;
        position
    }

    /// A position that none which was given out is behind, or ever comes before. Another process may have the file
    /// too, where only one gives positions out: what is there counts as well.
    pub(crate) fn last_position(&self) -> Result<i64, SqlError> {
        let there = "SELECT max(coalesce((SELECT max(position) FROM journal), 0),
                                coalesce((SELECT value FROM marks WHERE name = 'position'), 0))";
        let there: i64 = self.connection.prepare_cached(there)?.query_row([], |row| row.get(0))?;
        Ok(there.max(*self.next_position - 1))
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    clock: Clock,
    batch_max: usize,
    queue: Mutex<Queue>,
    /// `None` once the store is closed.
    session: Mutex<Option<Session>>,
    /// The latest time given out, in microseconds.
    last_at: AtomicI64,
}

#[derive(Default)]
struct Queue {
    is_running: bool,
    jobs: VecDeque<Box<dyn Job>>,
}

/// The most calls that wait. There are not more than callers, but one who goes away leaves its call behind.
const QUEUE_MAX: usize = 1 << 16;

/// A call, without its types.
trait Job: Send {
    fn called_at(&self) -> Timestamp;
    /// Does its work in a transaction. Called again, in a new one, if that was rolled back.
    fn run(&mut self, write: &mut Write<'_>) -> Result<(), SqlError>;
    fn answer(self: Box<Self>, error: Option<StoreError>);
}

struct Call<T, W> {
    at: Timestamp,
    work: W,
    done: Option<T>,
    tell: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, W> Job for Call<T, W>
where
    W: FnMut(&mut Write<'_>) -> Result<T, SqlError> + Send,
{
    fn called_at(&self) -> Timestamp {
        self.at
    }

    fn run(&mut self, write: &mut Write<'_>) -> Result<(), SqlError> {
        self.done = Some((self.work)(write)?);
        Ok(())
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let answer = match (error, self.done) {
            (None, Some(done)) => Ok(done),
            (Some(error), _) => Err(error),
            (None, None) => Err(lost()),
        };
        // Nobody listens where the caller went away.
        _ = self.tell.send(answer);
    }
}

impl Writer {
    pub(crate) fn new(session: Session, path: PathBuf, clock: Clock, batch_max: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                path,
                clock,
                batch_max,
                queue: Mutex::default(),
                session: Mutex::new(Some(session)),
                last_at: AtomicI64::new(i64::MIN),
            }),
        }
    }

    /// The store's time. It is not behind any that was written.
    pub(crate) fn now(&self) -> Timestamp {
        let last_at = Timestamp::from_micros(self.shared.last_at.load(Ordering::Acquire));
        self.shared.clock.now().max(last_at)
    }

    /// Does `work` in a transaction, and returns once that is durable. `work` may be called again, after what it did
    /// was rolled back. It is done also if the future is dropped, once it was polled.
    pub(crate) async fn write<T, W>(&self, work: W) -> StoreResult<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Write<'_>) -> Result<T, SqlError> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(StoreError::unavailable)?;
        let (tell, told) = oneshot::channel();
        // Read here and not by the writer: only here is a test's clock seen.
        let call = Call { at: self.shared.clock.now(), work, done: None, tell };
        let is_idle = {
            let mut queue = lock(&self.shared.queue);
            if queue.jobs.len() >= QUEUE_MAX {
                return Err(StoreError::unavailable(format!("{QUEUE_MAX} writes wait already")));
            }
            queue.jobs.push_back(Box::new(call));
            !std::mem::replace(&mut queue.is_running, true)
        };
        if is_idle {
            let run = Run { shared: Arc::clone(&self.shared), is_over: false };
            runtime.spawn_blocking(move || run.until_idle());
        }
        told.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Waits for the commit under way, then closes the file and lets its lock go. Calls that wait are answered with
    /// an error, and have not been done.
    pub(crate) fn close(&self) {
        drop(lock(&self.shared.session).take());
    }
}

/// A writer at work. If it is dropped before it is over, its runtime is going down.
struct Run {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Run {
    fn until_idle(mut self) {
        loop {
            let mut jobs: Vec<_> = {
                let mut queue = lock(&self.shared.queue);
                let count = queue.jobs.len().min(self.shared.batch_max);
                if count == 0 {
                    queue.is_running = false;
                    self.is_over = true;
                    return;
                }
                queue.jobs.drain(..count).collect()
            };
            match lock(&self.shared.session).as_mut() {
                // A call that panics takes its batch down with it, whose callers hear that nobody knows; those who wait
                // go on. Its transaction was rolled back as it was dropped.
                Some(session) => {
                    _ = catch_unwind(AssertUnwindSafe(|| self.shared.commit(session, jobs)));
                }
                None => jobs.drain(..).for_each(|job| {
                    job.answer(Some(StoreError::unavailable("the store is closed")));
                }),
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = lock(&self.shared.queue);
            queue.is_running = false;
            let jobs = std::mem::take(&mut queue.jobs);
            drop(queue);
            // Their callers hear that nobody knows; the next call starts a new writer.
            drop(jobs);
        }
    }
}

/// Why a transaction did not come to its end.
enum Failed {
    /// One of its calls failed: alone, the others may go well.
    InCall(SqlError),
    Outside(SqlError),
}

impl Shared {
    fn commit(&self, session: &mut Session, mut jobs: Vec<Box<dyn Job>>) {
        match self.transact(session, &mut jobs) {
            Ok(()) => jobs.into_iter().for_each(|job| job.answer(None)),
            Err(Failed::InCall(_)) if jobs.len() > 1 => {
                for job in jobs {
                    self.commit(session, vec![job]);
                }
            }
            Err(Failed::InCall(error) | Failed::Outside(error)) => {
                let error = running(error, &self.path);
                tracing::debug!(%error, "a transaction was rolled back");
                for job in jobs {
                    job.answer(Some(copy(&error)));
                }
            }
        }
    }

    /// Dropped before its commit, the transaction is rolled back.
    fn transact(&self, session: &mut Session, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let Session { connection, next_position, .. } = session;
        let outside = |error: rusqlite::Error| Failed::Outside(error.into());
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(outside)?;
        for job in jobs {
            // Strictly later, so that the cursor of a list never has a time that another saga gets after it.
            let last_at = self.last_at.load(Ordering::Relaxed);
            let at = job.called_at().as_micros().max(last_at.saturating_add(1));
            self.last_at.store(at, Ordering::Release);
            let at = Timestamp::from_micros(at);
            job.run(&mut Write { connection: &transaction, at, next_position }).map_err(Failed::InCall)?;
        }
        transaction.commit().map_err(outside)
    }
}

fn lost() -> StoreError {
    StoreError::unavailable("the write was lost with its runtime, and may have been done or not")
}

/// A panic cannot leave anything half changed: the queue is changed in one go, and a transaction is rolled back.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The highest position that was ever given out.
pub(crate) fn highest_position(connection: &Connection, path: &Path) -> StoreResult<i64> {
    let highest = "SELECT max(coalesce((SELECT max(position) FROM journal), 0),
                              coalesce((SELECT value FROM marks WHERE name = 'position'), 0))";
    connection.query_row(highest, [], |row| row.get(0)).map_err(|error| running(error.into(), path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A writer on a database of its own.
    fn writer(directory: &Path) -> Writer {
        std::fs::create_dir_all(directory).unwrap();
        let path = directory.join("test.db");
        let lock = FileLock::take(&path).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").unwrap();
        let session = Session { connection, next_position: 1, _lock: Some(lock) };
        Writer::new(session, path, Clock::system(), 8)
    }

    async fn add(writer: &Writer, number: i64) -> StoreResult<usize> {
        writer
            .write(move |write| Ok(write.connection.execute("INSERT INTO numbers VALUES (?1)", [number])?))
            .await
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |write: &mut Write<'_>| {
            Ok(write.connection.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))?)
        };
        writer.write(count).await.unwrap()
    }

    fn directory() -> PathBuf {
        std::env::temp_dir().join(format!("saga-sqlite-{}", saga::SagaId::new()))
    }

    #[tokio::test]
    async fn a_call_that_panics_is_answered_and_undone_and_the_next_one_is_done() {
        let directory = directory();
        let writer = writer(&directory);
        let panicking = writer.write::<(), _>(|write| {
            write.connection.execute("INSERT INTO numbers VALUES (1)", [])?;
            panic!("in a call")
        });
        assert!(matches!(panicking.await, Err(StoreError::Unavailable { .. })));
        assert_eq!(add(&writer, 2).await.unwrap(), 1);
        assert_eq!(count(&writer).await, 1);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn calls_after_the_close_are_refused() {
        let directory = directory();
        let writer = writer(&directory);
        add(&writer, 1).await.unwrap();
        writer.close();
        let error = add(&writer, 2).await.unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
        FileLock::take(&directory.join("test.db")).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_runtime_that_ends_before_its_writer_begins_stops_no_other() {
        let directory = directory();
        let writer = writer(&directory);
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ended = runtime();
        let handle = ended.handle().clone();
        drop(ended);
        {
            let _runtime = handle.enter();
            let mut adding = std::pin::pin!(add(&writer, 1));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(matches!(
                adding.as_mut().poll(&mut context),
                std::task::Poll::Ready(Err(StoreError::Unavailable { .. }))
            ));
        }
        runtime().block_on(async {
            assert_eq!(add(&writer, 2).await.unwrap(), 1);
            assert_eq!(count(&writer).await, 1);
        });
        std::fs::remove_dir_all(directory).unwrap();
    }
}
