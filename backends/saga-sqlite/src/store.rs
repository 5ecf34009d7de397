//! The store: opening it, and its methods, each one call to a reader or the writer.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use saga::machine::{Record, Request};
use saga::store::{
    Append, Beat, BoxFuture, Claim, Clock, Counts, DefinitionKey, EventsAfter, Heartbeat, JournalEntry,
    JournalStore, OutboxStore, Purge, QueryStore, Refusal, SagaFilter, SagaInstance, SagaPage, StoreResult,
    StoreTraits, UnknownDefinition, WorkerLease,
};
use saga::{DefinitionShape, SagaId, StoreError, Timestamp, WorkerId};
use tokio::runtime::Handle;

use crate::append::Rows;
use crate::error::{SqlError, opening};
use crate::lock::FileLock;
use crate::options::{Durability, SqliteOptions};
use crate::readers::Readers;
use crate::writer::{Session, Writer, highest_position};
use crate::{claim, list, outbox, queries, requests, schema, shapes};

/// The sagas of one process, in one `SQLite` file.
///
/// Dropping it waits for the commit under way, closes the file and lets its lock go. Writes that nobody waits for any
/// more may not have been done then.
///
/// ```
/// use saga::{Coordinator, Outcome, StepError, saga, step};
/// use saga_sqlite::SqliteStore;
///
/// #[saga(steps(greet))]
/// struct Greeting;
///
/// #[step(compensate = none)]
/// async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> {
///     Ok(format!("hello {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("saga-sqlite-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let file = folder.join("greetings.db");
/// let coordinator = Coordinator::builder(SqliteStore::open(&file).await?).saga(Greeting).build().await?;
/// let id = coordinator.start::<Greeting>("Ada".to_owned()).await?.id();
/// // Also in a later process, once it has opened the file and registered the saga:
/// let outcome = coordinator.handle::<Greeting>(id).outcome().await?;
/// assert_eq!(outcome, Outcome::Completed("hello Ada".to_owned()));
/// coordinator.shutdown().await;
/// # drop(coordinator);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: PathBuf,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    is_beside: bool,
}

/// As many sagas are deleted in one transaction of a purge, so that appends don't wait for long.
const PURGE_BATCH: usize = 100;

/// As many pages as the driver can count.
const PAGES_MAX: u64 = 0xffff_fffe;

impl SqliteStore {
    /// Opens the file at `path` with the default [options](SqliteOptions). It is created where there is none; its
    /// directory is not.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteOptions::open`].
    pub async fn open(path: impl Into<PathBuf>) -> StoreResult<Self> {
        SqliteOptions::new(path).open().await
    }

    pub(crate) async fn open_with(options: SqliteOptions) -> StoreResult<Self> {
        let runtime = Handle::try_current().map_err(StoreError::unavailable)?;
        // Read here: on another thread a test's clock is not seen.
        let clock = Clock::system();
        let opening = runtime.spawn_blocking(move || open_now(options, clock));
        opening.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    /// The file, with its directory resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes the size that the file may grow to, in bytes, while it is open. One below its size now stops all growth.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where the file does not answer.
    pub async fn set_size_max(&self, bytes: u64) -> StoreResult<()> {
        self.writer.write(move |write| limit_size(write.connection, bytes)).await
    }

    /// What only the process that drives the sagas may do.
    fn drives(&self) -> StoreResult<()> {
        if self.is_beside {
            let path = self.path.display();
            return Err(StoreError::InUse { what: format!("{path} was opened beside its owner, and") });
        }
        Ok(())
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.writer.close();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

fn open_now(options: SqliteOptions, clock: Clock) -> StoreResult<SqliteStore> {
    let path = resolve(&options.path)?;
    if options.is_beside {
        return open_beside(options, clock, path);
    }
    let lock = FileLock::take(&path)?;
    let mut connection = prepare(&path, &options).map_err(|error| opening(error, &path))?;
    schema::migrate(&mut connection, &path).map_err(|error| opening(error, &path))?;
    claim::void_leases(&connection).map_err(|error| opening(error, &path))?;
    outbox::void_leases(&connection).map_err(|error| opening(error, &path))?;
    let next_position = highest_position(&connection, &path)? + 1;
    let session = Session { connection, next_position, _lock: Some(lock) };
    let writer = Writer::new(session, path.clone(), clock, options.batch_max);
    Ok(SqliteStore { readers: Readers::new(options, path.clone()), path, writer, is_beside: false })
}

fn open_beside(options: SqliteOptions, clock: Clock, path: PathBuf) -> StoreResult<SqliteStore> {
    if !path.exists() {
        let problem = format!("there is no file {}: name the one that the sagas are in", path.display());
        return Err(StoreError::unusable(problem));
    }
    let connect = || {
        let connection = connect(&path, &options)?;
        schema::check_current(&connection, &path)?;
        connection
            .execute_batch("PRAGMA query_only = OFF; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;")?;
        Ok(connection)
    };
    let connection = connect().map_err(|error| opening(error, &path))?;
    // It gives no position out.
    let session = Session { connection, next_position: 1, _lock: None };
    let writer = Writer::new(session, path.clone(), clock, options.batch_max);
    Ok(SqliteStore { readers: Readers::new(options, path.clone()), path, writer, is_beside: true })
}

/// One file has one path, and so one lock, however it is named.
fn resolve(path: &Path) -> StoreResult<PathBuf> {
    let shown = path.display();
    let Some(name) = path.file_name().filter(|name| *name != ":memory:") else {
        let advice = "name a file, or use `MemoryStore`";
        return Err(StoreError::unusable(format!("{shown} is no path of a file: {advice}")));
    };
    if let Ok(resolved) = path.canonicalize() {
        return Ok(resolved);
    }
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    let directory = directory.canonicalize().map_err(|error| {
        StoreError::unusable(format!(
            "the directory of {shown} cannot be found ({error}): create it, or name another file"
        ))
    })?;
    Ok(directory.join(name))
}

/// A connection to the file, which another may create.
pub(crate) fn connect(path: &Path, options: &SqliteOptions) -> Result<Connection, SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// The connection that writes.
fn prepare(path: &Path, options: &SqliteOptions) -> Result<Connection, SqlError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(64);
    schema::check(&connection, path)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(SqlError::Store(StoreError::unusable(format!(
            "{} cannot be put in WAL mode (it is in mode `{mode}`): use a file on a local disk",
            path.display()
        ))));
    }
    let synchronous = match options.durability {
        Durability::PowerLoss => "FULL",
        Durability::ProcessCrash => "NORMAL",
    };
    // `fullfsync` matters on macOS alone, where a plain sync does not reach the disk.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = ON; PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864;"
    ))?;
    limit_size(&connection, options.size_max_bytes)?;
    Ok(connection)
}

fn limit_size(connection: &Connection, bytes: u64) -> Result<(), SqlError> {
    let page_size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (bytes / page_size.unsigned_abs().max(1)).clamp(1, PAGES_MAX);
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    Ok(())
}

impl JournalStore for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits::exclusive()
    }

    fn append<'a>(
        &'a self,
        batch: &'a [Append],
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        let batch: Vec<Rows> = batch.iter().map(Rows::new).collect();
        if let Err(refused) = self.drives() {
            return Box::pin(std::future::ready(Err(refused)));
        }
        Box::pin(self.writer.write(move |write| batch.iter().map(|append| append.write(write)).collect()))
    }

    fn append_one<'a>(
        &'a self,
        append: &'a Append,
    ) -> BoxFuture<'a, StoreResult<Result<Timestamp, Refusal>>> {
        let rows = Rows::new(append);
        if let Err(refused) = self.drives() {
            return Box::pin(std::future::ready(Err(refused)));
        }
        Box::pin(self.writer.write(move |write| rows.write(write)))
    }

    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> {
        Box::pin(self.readers.read(move |connection| queries::load(connection, saga)))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> {
        let claim = claim.clone();
        Box::pin(async move {
            self.drives()?;
            self.writer.write(move |write| claim::claim(write, &claim)).await
        })
    }

    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> {
        let (worker, lease) = (beat.worker, beat.lease);
        let definitions = serde_json::to_string(&beat.definitions);
        Box::pin(async move {
            self.drives()?;
            let definitions = definitions.map_err(|error| StoreError::broken(error.to_string()))?;
            self.writer.write(move |write| claim::heartbeat(write, worker, lease, &definitions)).await
        })
    }

    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.writer.write(move |write| claim::retire(write, worker)))
    }

    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let encoded = serde_json::to_string(request);
        Box::pin(async move {
            let encoded = encoded.map_err(|error| StoreError::broken(error.to_string()))?;
            self.writer.write(move |write| requests::add(write, saga, &encoded)).await
        })
    }

    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> {
        Box::pin(self.readers.read(move |connection| requests::of(connection, saga)))
    }
}

impl QueryStore for SqliteStore {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> {
        Box::pin(self.readers.read(move |connection| queries::instance(connection, saga)))
    }

    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> {
        let filter = filter.clone();
        Box::pin(self.readers.read(move |connection| list::list(connection, &filter)))
    }

    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> {
        let after = *after;
        Box::pin(self.readers.read(move |connection| queries::events(connection, after)))
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(self.readers.read(queries::counts))
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> {
        Box::pin(async move {
            let mut purged = 0;
            loop {
                let count = purge.limit.saturating_sub(purged).min(PURGE_BATCH);
                let what = purge.clone();
                let taken = self.writer.write(move |write| queries::purge(write, &what, count)).await?;
                purged += taken;
                if taken < PURGE_BATCH {
                    return Ok(purged as u64);
                }
            }
        })
    }

    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> {
        Box::pin(async move {
            self.readers.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await?;
            Ok(self.writer.now())
        })
    }

    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> {
        let now = self.writer.now();
        Box::pin(self.readers.read(move |connection| shapes::workers(connection, now)))
    }

    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> {
        let now = self.writer.now();
        Box::pin(self.readers.read(move |connection| shapes::unknown(connection, now)))
    }

    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> {
        let now = self.writer.now();
        Box::pin(self.readers.read(move |connection| claim::oldest_free(connection, now)))
    }

    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> {
        let encode =
            |shape: &DefinitionShape| Ok((DefinitionKey::of_shape(shape), serde_json::to_string(shape)?));
        let encoded: Result<Vec<_>, serde_json::Error> = shapes.iter().map(encode).collect();
        Box::pin(async move {
            let encoded = encoded.map_err(|error| StoreError::broken(error.to_string()))?;
            if encoded.is_empty() {
                return Ok(());
            }
            self.writer.write(move |write| shapes::describe(write, &encoded)).await
        })
    }

    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> {
        let key = key.clone();
        Box::pin(self.readers.read(move |connection| shapes::shape(connection, &key)))
    }

    fn outbox(&self) -> Option<&dyn OutboxStore> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_survive_the_loss_of_power_unless_asked_otherwise() {
        let directory = std::env::temp_dir().join(format!("saga-sqlite-{}", SagaId::new()));
        std::fs::create_dir_all(&directory).unwrap();
        let options = SqliteOptions::new(directory.join("sagas.db"));
        for (options, expected) in [(options.clone(), 2), (options.durability(Durability::ProcessCrash), 1)] {
            let connection = prepare(&options.path, &options).unwrap();
            let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            assert_eq!((number("synchronous").unwrap(), number("fullfsync").unwrap()), (expected, 1));
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
