//! Events reach `JetStream`: in order, once by id, whatever is killed on the way.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use saga::testing::check_delivered;
use saga::{Coordinator, EventFilter, MemoryStore, SagaId};
use saga_nats::NatsPublisher;
use saga_test_brokers::{Order, Server, VERBOSE, in_chaos, settled};
use tokio::time::{sleep, timeout};

fn main() -> ExitCode {
    let service = saga_test_services::nats();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            events_come_in_order_with_their_subjects_and_ids,
            an_event_that_comes_twice_is_kept_once,
            without_a_stream_nothing_is_passed,
            what_the_stream_never_takes_is_a_dead_letter,
            killed_brokers_and_publishers_lose_nothing,
        ],
    )
}

/// A stream's name and its subjects, of this test alone.
fn name() -> String {
    format!("test{}", SagaId::new().to_string().replace('-', ""))
}

async fn publisher(url: &str, name: &str) -> NatsPublisher {
    let publisher = NatsPublisher::connect(url).await.unwrap().prefix(format!("{name}.events"));
    publisher.with_stream(name).await.unwrap()
}

async fn jetstream(url: &str) -> jetstream::Context {
    jetstream::new(async_nats::connect(url).await.unwrap())
}

/// All messages of a stream, which is gone then: subject, id, body.
async fn messages(url: &str, name: &str) -> Vec<(String, String, String)> {
    let jetstream = jetstream(url).await;
    let mut stream = jetstream.get_stream(name).await.unwrap();
    let last = stream.info().await.unwrap().state.last_sequence;
    let mut messages = Vec::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let id = message.headers.get("Nats-Msg-Id").unwrap().to_string();
        let body = String::from_utf8(message.payload.to_vec()).unwrap();
        messages.push((message.subject.to_string(), id, body));
    }
    jetstream.delete_stream(name).await.unwrap();
    messages
}

async fn events_come_in_order_with_their_subjects_and_ids(url: String) {
    let (name, store) = (name(), Arc::new(MemoryStore::new()));
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    let nats = publisher(&url, &name).await;
    let coordinator = builder.publish("nats", nats, EventFilter::all()).build().await.unwrap();
    let order = coordinator.start::<Order>(1).await.unwrap();
    order.outcome().await.unwrap();
    for number in 0..20 {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    settled(&coordinator, 21).await;
    let messages = messages(&url, &name).await;
    let ids: Vec<String> = messages.iter().map(|(_, id, _)| id.clone()).collect();
    check_delivered(&*store, &ids).await.unwrap();
    let (subject, id, body) = &messages[0];
    assert_eq!(subject, &format!("{name}.events.order.saga_started"));
    assert_eq!(id, &format!("{}-0", order.id()));
    assert!(body.starts_with(&format!("{{\"v\":1,\"id\":\"{id}\",\"type\":\"saga_started\"")), "{body}");
}

async fn an_event_that_comes_twice_is_kept_once(url: String) {
    let (name, store) = (name(), Arc::new(MemoryStore::new()));
    // Two cursors publish the same events.
    let builder = Coordinator::builder_shared(store.clone())
        .saga(Order)
        .publish("one", publisher(&url, &name).await, EventFilter::all())
        .publish("two", publisher(&url, &name).await, EventFilter::all());
    let coordinator = builder.build().await.unwrap();
    coordinator.start::<Order>(1).await.unwrap().outcome().await.unwrap();
    settled(&coordinator, 1).await;
    let ids: Vec<String> = messages(&url, &name).await.into_iter().map(|(_, id, _)| id).collect();
    let published: u64 = coordinator.publishers().iter().map(|publisher| publisher.published).sum();
    assert_eq!(published, 2 * ids.len() as u64);
    check_delivered(&*store, &ids).await.unwrap();
}

async fn without_a_stream_nothing_is_passed(url: String) {
    let (name, store) = (name(), Arc::new(MemoryStore::new()));
    let nats = NatsPublisher::connect(&url).await.unwrap().prefix(format!("{name}.events"));
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    let coordinator = builder.publish("nats", nats, EventFilter::all()).build().await.unwrap();
    coordinator.start::<Order>(1).await.unwrap().outcome().await.unwrap();
    let put_off = async {
        loop {
            let status = coordinator.publishers().remove(0);
            if let Some(error) = status.last_error {
                break error;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let error = timeout(Duration::from_mins(1), put_off).await.expect("it is put off");
    assert!(error.contains("no stream has the subject"), "{error}");
    assert_eq!(coordinator.publisher_cursors().await.unwrap()[0].position, 0);
    publisher(&url, &name).await;
    settled(&coordinator, 1).await;
    let ids: Vec<String> = messages(&url, &name).await.into_iter().map(|(_, id, _)| id).collect();
    check_delivered(&*store, &ids).await.unwrap();
}

async fn what_the_stream_never_takes_is_a_dead_letter(url: String) {
    let (name, store) = (name(), Arc::new(MemoryStore::new()));
    let subjects = vec![format!("{name}.events.>")];
    let config =
        stream::Config { name: name.clone(), subjects, max_message_size: 2_000, ..stream::Config::default() };
    jetstream(&url).await.create_stream(config).await.unwrap();
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    let nats = publisher(&url, &name).await;
    let coordinator = builder.publish("nats", nats, EventFilter::all()).build().await.unwrap();
    let order = coordinator.start::<Order>(VERBOSE).await.unwrap();
    order.outcome().await.unwrap();
    settled(&coordinator, 1).await;
    let letters = coordinator.dead_letters("nats", 0, 10).await.unwrap();
    assert!(!letters.is_empty());
    for letter in &letters {
        assert!(letter.event.len() > 2_000 && letter.reason.contains("maximum"), "{letter:?}");
    }
    let kept = messages(&url, &name).await.len();
    let all = coordinator.inspect::<Order>(order.id()).await.unwrap().unwrap().journal.len();
    assert_eq!(kept + letters.len(), all);
}

async fn killed_brokers_and_publishers_lose_nothing(_: String) {
    let server = Server::new(|folder, port| {
        let mut command = tokio::process::Command::new("nats-server");
        command.arg("-js").arg("-sd").arg(folder).args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command
    });
    let name = name();
    let url = format!("nats://127.0.0.1:{}", server.port());
    let connect = || {
        let (url, name) = (url.clone(), name.clone());
        async move { publisher(&url, &name).await }
    };
    let (_server, store) = in_chaos(server, 8, connect).await;
    let ids: Vec<String> = messages(&url, &name).await.into_iter().map(|(_, id, _)| id).collect();
    check_delivered(&*store, &ids).await.unwrap();
    let unique: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "the server keeps no duplicates");
    assert!(ids.len() > 200, "{}", ids.len());
}
