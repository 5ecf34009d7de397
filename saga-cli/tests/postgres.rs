//! Over PostgreSQL.

mod common;

use std::sync::Arc;

use common::{Place, scenario};
use saga::SagaId;
use saga::store::Store;
use saga_postgres::PostgresStore;

fn main() -> std::process::ExitCode {
    let service = saga_test_services::postgres();
    saga_test_services::run(
        &service,
        saga_test_services::tests![an_operator_can_do_all_of_a_day, a_missing_schema_is_told_and_not_made],
    )
}

/// A schema of a test's own, dropped with it.
struct Schema {
    url: String,
    name: String,
}

impl Schema {
    fn new(url: String) -> Self {
        Self { url, name: format!("cli_{}", SagaId::new().to_string().replace('-', "")) }
    }

    fn place(&self) -> Place {
        Place { url: self.url.clone(), space: Some(self.name.clone()) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(PostgresStore::builder(&self.url).schema(&self.name).pool_size(4).open().await.unwrap())
    }

    async fn execute(url: &str, statement: &str) {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
        drop(client);
        _ = connection.await;
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Self::execute(&url, &format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE")));
        });
        _ = dropping.join();
    }
}

/// On a thread that no runtime has: the application has a runtime of its own.
async fn apart(work: impl FnOnce() + Send + 'static) {
    let done = tokio::task::spawn_blocking(|| std::thread::spawn(work).join());
    if let Err(panic) = done.await.unwrap() {
        std::panic::resume_unwind(panic);
    }
}

async fn an_operator_can_do_all_of_a_day(url: String) {
    apart(move || {
        let schema = Schema::new(url);
        scenario::day(&schema.place(), || schema.open());
    })
    .await;
}

async fn a_missing_schema_is_told_and_not_made(url: String) {
    apart(move || {
        let schema = Schema::new(url);
        for _ in 0..2 {
            let ran = schema.place().run(&["list"]).code(5);
            assert!(
                ran.err.contains("SAGA_STORE_UNUSABLE") && ran.err.contains("has no sagas in the schema"),
                "{ran:?}"
            );
        }
        schema.place().run(&["migrate"]).code(0);
        schema.place().run(&["list"]).code(0);
    })
    .await;
}
