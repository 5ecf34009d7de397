//! Connections that read, a few at the same time, beside the one that writes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use saga::StoreError;
use saga::store::StoreResult;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::{SqlError, running};
use crate::options::SqliteOptions;
use crate::store::connect;
use crate::writer::lock;

pub(crate) struct Readers {
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
}

struct Shared {
    options: SqliteOptions,
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(options: SqliteOptions, path: PathBuf) -> Self {
        let places = Arc::new(Semaphore::new(options.readers_max));
        Self { places, shared: Arc::new(Shared { options, path, idle: Mutex::default() }) }
    }

    /// What `work` reads. It sees all that was committed before the call.
    pub(crate) async fn read<T, W>(&self, work: W) -> StoreResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(StoreError::unavailable)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(StoreError::unavailable)?;
        let shared = Arc::clone(&self.shared);
        let reading = runtime.spawn_blocking(move || {
            let _place = place;
            shared.read(work).map_err(|error| running(error, &shared.path))
        });
        reading.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }
}

impl Shared {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, &self.options)?,
        };
        let read = work(&connection);
        lock(&self.idle).push(connection);
        read
    }
}
