//! Over Redis.

mod common;

use std::sync::Arc;

use common::{Place, scenario};
use saga::SagaId;
use saga::store::Store;
use saga_redis::RedisOptions;

fn main() -> std::process::ExitCode {
    let service = saga_test_services::redis();
    saga_test_services::run(
        &service,
        saga_test_services::tests![an_operator_can_do_all_of_a_day, a_missing_namespace_is_told_and_not_made],
    )
}

/// A namespace of a test's own, deleted with it.
struct Namespace {
    url: String,
    name: String,
}

impl Namespace {
    fn new(url: String) -> Self {
        Self { url, name: format!("cli-{}", SagaId::new()) }
    }

    fn place(&self) -> Place {
        Place { url: self.url.clone(), space: Some(self.name.clone()) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        // Several partitions, as in a cluster.
        Arc::new(RedisOptions::new(&self.url).namespace(&self.name).partitions(3).open().await.unwrap())
    }

    fn keys(&self) -> redis::RedisResult<Vec<Vec<u8>>> {
        let mut connection = redis::Client::open(self.url.as_str())?.get_connection()?;
        let (mut cursor, mut all) = (0_u64, Vec::new());
        loop {
            let pattern = format!("{{{}:*", self.name);
            let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(pattern)
                .arg("COUNT")
                .arg(1_000)
                .query(&mut connection)?;
            all.extend(keys);
            cursor = next;
            if cursor == 0 {
                return Ok(all);
            }
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let (Ok(keys), Ok(client)) = (self.keys(), redis::Client::open(self.url.as_str()))
            && let (false, Ok(mut connection)) = (keys.is_empty(), client.get_connection())
        {
            _ = redis::cmd("UNLINK").arg(keys).exec(&mut connection);
        }
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
        let namespace = Namespace::new(url);
        scenario::day(&namespace.place(), || namespace.open());
    })
    .await;
}

async fn a_missing_namespace_is_told_and_not_made(url: String) {
    apart(move || {
        let namespace = Namespace::new(url);
        let ran = namespace.place().run(&["list"]).code(5);
        assert!(ran.err.contains("SAGA_STORE_UNUSABLE") && ran.err.contains("has no sagas"), "{ran:?}");
        assert!(namespace.keys().unwrap().is_empty(), "something was made");
        namespace.place().run(&["migrate"]).code(0);
        namespace.place().run(&["list"]).code(0);
    })
    .await;
}
