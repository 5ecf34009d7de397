//! Four steps that return 200 bytes, 64 callers, on one PostgreSQL with `synchronous_commit=on`: our sagas beside the
//! crates `dbos` and `durare`, each with its default settings, in one run.
//!
//! `cargo run --release --manifest-path bench/peers/Cargo.toml`. Each has a database of its own, dropped at the end.

mod dbos;
mod durare;

use saga_bench::drive::{coordinator, drive};
use saga_bench::measure::{Contender, bar, compete, print};
use saga_postgres::PostgresStore;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

const CALLERS: u32 = 64;

fn main() {
    let url = std::env::var("SAGA_POSTGRES_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let databases = Databases { runtime: &runtime, url: &url };
    let ours = runtime.block_on(async {
        let store = PostgresStore::connect(databases.create("saga").await).await;
        coordinator(store.expect("a fresh database")).await
    });
    let dbos = runtime.block_on(async { dbos::Peer::new(databases.create("dbos").await).await });
    let durare = runtime.block_on(async { durare::Peer::new(databases.create("durare").await).await });

    let figures = compete(
        5,
        vec![
            Contender::new("sagas, 64 callers", 3_200, |units| {
                runtime.block_on(drive(&ours, CALLERS, units));
            }),
            Contender::new("dbos, 64 callers", 320, |units| runtime.block_on(dbos.drive(CALLERS, units))),
            Contender::new("durare, 64 callers", 320, |units| runtime.block_on(durare.drive(CALLERS, units))),
        ],
    );
    print("Four steps that return 200 bytes, on one PostgreSQL: the time of one saga", &figures);

    let [saga, peers @ ..] = &figures[..] else { return };
    println!();
    for peer in peers {
        let gain = saga.per_second() / peer.per_second();
        bar(&format!("at least 10 times {}", peer.name), gain >= 10.0, &format!("{gain:.1} times"));
    }
    runtime.block_on(dbos.shutdown());
}

/// Databases that go with the run.
struct Databases<'a> {
    runtime: &'a Runtime,
    url: &'a str,
}

impl Databases<'_> {
    /// The URL of a fresh database.
    async fn create(&self, of: &str) -> String {
        let name = name(of);
        let create = format!("CREATE DATABASE {name}");
        connect(self.url).await.batch_execute(&create).await.expect("a user who may create databases");
        let (server, _) = self.url.rsplit_once('/').expect("a URL that names a database");
        format!("{server}/{name}")
    }
}

impl Drop for Databases<'_> {
    fn drop(&mut self) {
        self.runtime.block_on(async {
            let client = connect(self.url).await;
            for of in ["saga", "dbos", "durare"] {
                let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name(of));
                _ = client.batch_execute(&drop).await;
            }
        });
    }
}

fn name(of: &str) -> String {
    format!("bench_peers_{}_{of}", std::process::id())
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}
