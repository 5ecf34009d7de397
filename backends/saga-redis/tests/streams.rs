//! Events reach a stream: in order, whatever is killed on the way; duplicates only by id.

use std::future::ready;
use std::process::ExitCode;
use std::sync::Arc;

use saga::testing::check_delivered;
use saga::{Coordinator, EventFilter, MemoryStore, SagaId};
use saga_redis::StreamPublisher;
use saga_test_brokers::{Order, Server, in_chaos, settled};

fn main() -> ExitCode {
    let service = saga_test_services::redis();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            events_come_in_order_with_their_ids,
            killed_servers_and_publishers_lose_nothing,
        ],
    )
}

/// The fields of all entries of a stream, which is gone then.
async fn entries(url: &str, key: &str) -> Vec<Vec<String>> {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let entries: Vec<(String, Vec<String>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut connection).await.unwrap();
    let _: u64 = redis::cmd("DEL").arg(key).query_async(&mut connection).await.unwrap();
    entries.into_iter().map(|(_, fields)| fields).collect()
}

fn ids(entries: &[Vec<String>]) -> Vec<String> {
    entries.iter().map(|fields| fields[1].clone()).collect()
}

async fn events_come_in_order_with_their_ids(url: String) {
    let (key, store) = (format!("test:{}", SagaId::new()), Arc::new(MemoryStore::new()));
    let stream = StreamPublisher::new(&url, &key).unwrap();
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    let coordinator = builder.publish("stream", stream, EventFilter::all()).build().await.unwrap();
    let order = coordinator.start::<Order>(1).await.unwrap();
    order.outcome().await.unwrap();
    for number in 0..20 {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    settled(&coordinator, 21).await;
    let entries = entries(&url, &key).await;
    check_delivered(&*store, &ids(&entries)).await.unwrap();
    let first = &entries[0];
    let id = format!("{}-0", order.id());
    assert_eq!(
        first[..8],
        ["id", &id, "type", "saga_started", "saga", &order.id().to_string(), "definition", "order"]
    );
    assert!(
        first[9].starts_with(&format!("{{\"v\":1,\"id\":\"{id}\",\"type\":\"saga_started\"")),
        "{first:?}"
    );
}

async fn killed_servers_and_publishers_lose_nothing(_: String) {
    let server = Server::new(|folder, port| {
        let mut command = tokio::process::Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(folder);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        command
    });
    let url = format!("redis://127.0.0.1:{}", server.port());
    let connect = || ready(StreamPublisher::new(&url, "events").unwrap());
    let (_server, store) = in_chaos(server, 8, connect).await;
    let ids = ids(&entries(&url, "events").await);
    check_delivered(&*store, &ids).await.unwrap();
    assert!(ids.len() > 200, "{}", ids.len());
}
