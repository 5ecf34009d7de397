//! Files for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use saga::store::{BoxFuture, Store};
use saga::testing::StorePlace;
use saga_sqlite::SqliteStore;

/// A directory of a test's own, deleted with it.
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(saga::SagaId::new().to_string());
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// The file of its store.
    pub(crate) fn file(&self) -> PathBuf {
        self.path.join("sagas.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.path);
    }
}

impl StorePlace for Directory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(SqliteStore::open(self.file()).await.unwrap()) as Arc<dyn Store> })
    }
}
