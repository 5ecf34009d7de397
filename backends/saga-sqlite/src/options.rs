//! How a file is opened.

use std::path::PathBuf;
use std::time::Duration;

use saga::StoreError;

use crate::SqliteStore;

/// How a file is opened. The defaults are safe; [`SqliteStore::open`] takes all of them.
///
/// ```no_run
/// # async fn open() -> Result<(), saga::StoreError> {
/// use saga_sqlite::SqliteOptions;
///
/// let store = SqliteOptions::new("orders.db").size_max_bytes(10 << 30).open().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) busy_timeout: Duration,
    pub(crate) batch_max: usize,
    pub(crate) readers_max: usize,
    pub(crate) size_max_bytes: u64,
    pub(crate) is_beside: bool,
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The loss of power: `synchronous = FULL`.
    #[default]
    PowerLoss,
    /// The death of the process, but not always that of the machine, which may take the latest commits with it:
    /// `synchronous = NORMAL`. For tests, and where steps may be run again after a loss of power.
    ProcessCrash,
}

impl SqliteOptions {
    /// The defaults, for the file at `path`. It is created where there is none; its directory is not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::PowerLoss,
            busy_timeout: Duration::from_secs(5),
            batch_max: 1_024,
            readers_max: 4,
            size_max_bytes: u64::MAX,
            is_beside: false,
        }
    }

    /// What a commit survives. Default: the loss of power.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a write waits for another program, such as a `sqlite3` shell, that writes to the file. Default: 5 s.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The most calls that one commit takes together. Default: 1,024.
    #[must_use]
    pub fn batch_max(mut self, count: usize) -> Self {
        self.batch_max = count.max(1);
        self
    }

    /// The most reads at the same time, each on a connection of its own. Default: 4.
    #[must_use]
    pub fn readers_max(mut self, count: usize) -> Self {
        self.readers_max = count.max(1);
        self
    }

    /// The size that the file may grow to, in bytes. Once it is full, appends are answered with
    /// [`StoreError::Unavailable`] and sagas wait. Default: what the disk holds.
    #[must_use]
    pub fn size_max_bytes(mut self, bytes: u64) -> Self {
        self.size_max_bytes = bytes;
        self
    }

    /// Opens the file beside the process that drives its sagas, or while none does: for tools. Nothing is locked,
    /// created or migrated. Sagas can be read, asked for something and, once ended, purged, all of which `SQLite` keeps
    /// apart from what the other process writes. Nothing can be driven: appends, claims and heartbeats are
    /// answered with [`StoreError::InUse`].
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.is_beside = true;
        self
    }

    /// Opens the file, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InUse`] where a process has it open already, this one too.
    /// - [`StoreError::Unusable`] where the directory is missing, the file may not be written, is none of ours, or was
    ///   written by a later version.
    /// - [`StoreError::Unavailable`] where the disk is full or does not answer.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(self).await
    }
}
