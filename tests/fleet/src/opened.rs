//! Stores on a server, for tests whose processes die in name only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saga::Store;
use saga::testing::OpenStore;
use saga_postgres::PostgresStore;
use saga_redis::RedisOptions;

use crate::Kind;

/// Fresh stores on one server, a place of its own for each call.
#[derive(Debug)]
pub struct FreshStores {
    kind: Kind,
    url: String,
    count: AtomicUsize,
}

impl FreshStores {
    /// On the server at `url`.
    #[must_use]
    pub fn new(kind: Kind, url: String) -> Self {
        Self { kind, url, count: AtomicUsize::new(0) }
    }

    /// An empty store. It is opened anew after each death; then the leases of the dead are ended, for nobody has the time
    /// to wait for the server's clock.
    pub fn fresh(&self) -> OpenStore {
        let (kind, url) = (self.kind, self.url.clone());
        let place = format!("place_{}", self.count.fetch_add(1, Ordering::Relaxed));
        Box::new(move || {
            let (url, place) = (url.clone(), place.clone());
            Box::pin(async move {
                let store: Arc<dyn Store> = match kind {
                    Kind::Postgres => {
                        let options = PostgresStore::builder(url).schema(place).pool_size(2);
                        Arc::new(options.without_wake_ups().open().await?)
                    }
                    Kind::Redis => Arc::new(RedisOptions::new(url).namespace(place).open().await?),
                };
                for dead in store.workers().await? {
                    store.retire(dead.worker).await?;
                }
                Ok(store)
            })
        })
    }
}
