//! Stores of a test's own, and servers.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod appends;
mod server;

use std::sync::Arc;

use saga::SagaId;
use saga::store::{BoxFuture, Store};
use saga::testing::StorePlace;
use saga_redis::{RedisOptions, RedisStore};

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use appends::{claim, create, end, step, take};
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use server::{Cluster, Server, free_port, wait_until};

/// A namespace of a test's own, deleted with it.
pub(crate) struct Namespace {
    url: String,
    pub(crate) name: String,
    partitions: u16,
    deletes: bool,
}

impl Namespace {
    pub(crate) fn new(url: &str, partitions: u16) -> Self {
        let name = format!("test-{}", SagaId::new());
        Self { url: url.to_owned(), name, partitions, deletes: true }
    }

    /// On servers that are gone after the test anyway.
    pub(crate) fn left_behind(url: &str, partitions: u16) -> Self {
        let mut namespace = Self::new(url, partitions);
        namespace.deletes = false;
        namespace
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::new(&self.url).namespace(&self.name).partitions(self.partitions)
    }

    pub(crate) async fn store(&self) -> RedisStore {
        self.options().open().await.unwrap()
    }
}

impl StorePlace for Namespace {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.store().await) as Arc<dyn Store> })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if !self.deletes {
            return;
        }
        let (url, pattern) = (self.url.clone(), format!("{{{}:*", self.name));
        let deleting = std::thread::spawn(move || {
            let mut connection = redis::Client::open(url)?.get_connection()?;
            let mut cursor = 0_u64;
            loop {
                let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                    .arg(cursor)
                    .arg("MATCH")
                    .arg(&pattern)
                    .arg("COUNT")
                    .arg(1_000)
                    .query(&mut connection)?;
                if !keys.is_empty() {
                    redis::cmd("UNLINK").arg(keys).exec(&mut connection)?;
                }
                cursor = next;
                if cursor == 0 {
                    return Ok::<_, redis::RedisError>(());
                }
            }
        });
        _ = deleting.join();
    }
}
