//! Durable sagas on PostgreSQL (`synchronous_commit=on`): beside the floor, beside one commit for each append, and with
//! what others left behind.
//!
//! Parts by name, such as `cargo bench -p saga-bench --bench postgres -- throughput claims takeover`; without names all.

mod claims;
mod floor;
mod takeover;
mod throughput;

use saga_bench::drive::coordinator;
use saga_bench::four_steps::{FourSteps, Parcel};
use saga_postgres::PostgresStore;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// A part of the bench, by the name that chooses it.
type Part = (&'static str, fn(&Place));

fn main() {
    let url = std::env::var("SAGA_POSTGRES_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let place = Place { runtime, url };
    let parts: [Part; 3] =
        [("throughput", throughput::run), ("claims", claims::run), ("takeover", takeover::run)];
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, run) in parts {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            run(&place);
        }
    }
}

/// Where the sagas are, in schemas that go with the run.
struct Place {
    runtime: Runtime,
    url: String,
}

const SCHEMAS: [&str; 6] = ["ours", "single", "floor", "claims", "normal", "takeover"];

impl Place {
    fn schema(of: &str) -> String {
        assert!(SCHEMAS.contains(&of), "`{of}` would stay behind");
        format!("bench_{}_{of}", std::process::id())
    }

    async fn store(&self, of: &str, pool: usize) -> PostgresStore {
        let options = PostgresStore::builder(&self.url).schema(Self::schema(of)).pool_size(pool);
        options.open().await.expect("PostgreSQL answers: see CONTRIBUTING.md")
    }

    /// A connection that looks at a schema.
    async fn client(&self, of: &str) -> Client {
        let client = connect(&self.url).await;
        let set = format!("SET search_path TO \"{}\"", Self::schema(of));
        client.batch_execute(&set).await.expect("a connection");
        client
    }

    /// Leaves the rows of one saga, for others to be copied from.
    async fn leave_a_saga(&self, of: &str) {
        let coordinator = coordinator(self.store(of, 2).await).await;
        let handle = coordinator.start::<FourSteps>(Parcel::new(0)).await.expect("a start");
        handle.outcome().await.expect("an outcome");
        coordinator.shutdown().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.runtime.block_on(async {
            let client = connect(&self.url).await;
            for of in SCHEMAS {
                let drop = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", Self::schema(of));
                _ = client.batch_execute(&drop).await;
            }
        });
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}
