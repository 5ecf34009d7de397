//! Schemas for tests.

#![allow(dead_code, reason = "each test binary needs a part of it")]

pub(crate) mod sagas;

use std::sync::Arc;

use saga::store::{BoxFuture, Store};
use saga::testing::StorePlace;
use saga_postgres::{PostgresOptions, PostgresStore};
use tokio_postgres::{Client, NoTls};

/// A schema of a test's own, dropped with it.
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), name: format!("test_{}", saga::SagaId::new()) }
    }

    /// Options of a store in it.
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresStore::builder(&self.url).schema(&self.name).pool_size(4)
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        self.options().open().await.unwrap()
    }

    /// A connection of the test's own, that looks at the schema.
    pub(crate) async fn client(&self) -> Client {
        let client = connect(&self.url).await;
        client.batch_execute(&format!("SET search_path TO \"{}\"", self.name)).await.unwrap();
        client
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // A runtime of its own: the test's may be going down.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let drop = format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE");
                _ = connect(&url).await.batch_execute(&drop).await;
            });
        });
        _ = dropping.join();
    }
}

impl StorePlace for Schema {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.store().await) as Arc<dyn Store> })
    }
}
