//! Where the stores of a test come from.

use std::sync::Arc;

use crate::MemoryStore;
use crate::store::{BoxFuture, Store, StoreResult};

/// Opens a store, again after each death: what was committed before must be there. Whatever a call returned is
/// dropped, with the runtime it was used in, before the next call.
///
/// ```
/// use std::sync::Arc;
/// use saga::testing::OpenStore;
/// use saga::{MemoryStore, Store};
///
/// // What `memory_store` does: memory survives because the store itself is kept.
/// let kept: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let open: OpenStore = Box::new(move || {
///     let kept = Arc::clone(&kept);
///     Box::pin(async move { Ok(kept) })
/// });
/// # drop(open);
/// ```
pub type OpenStore = Box<dyn Fn() -> BoxFuture<'static, StoreResult<Arc<dyn Store>>> + Send + Sync>;

/// A fresh store in memory, which outlives the deaths of its users.
#[must_use]
pub fn memory_store() -> OpenStore {
    let kept: Arc<dyn Store> = Arc::new(MemoryStore::new());
    Box::new(move || {
        let kept = Arc::clone(&kept);
        Box::pin(async move { Ok(kept) })
    })
}
