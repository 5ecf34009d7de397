//! Where the store of a test lives.

use std::sync::Arc;

use crate::store::{BoxFuture, Store};

/// Where the store of one test lives: a file, a schema, a prefix of keys. Each test has a fresh one.
///
/// A closure that makes a store is a place too, one that cannot be opened again.
pub trait StorePlace: Send + Sync {
    /// Opens the store that lives here: empty the first time, later with all that was written before. Nothing
    /// else has it open.
    ///
    /// # Panics
    ///
    /// Where it cannot be opened: the test cannot go on.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>>;
}

impl<F, Opening, S> StorePlace for F
where
    F: Fn() -> Opening + Send + Sync,
    Opening: Future<Output = S> + Send,
    S: Store,
{
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async move { Arc::new(self().await) as Arc<dyn Store> })
    }
}
