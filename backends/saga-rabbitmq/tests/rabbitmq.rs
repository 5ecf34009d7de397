//! Events reach RabbitMQ: in order, and nothing counts as taken that no queue keeps.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::Queue;
use saga::testing::check_delivered;
use saga::{Coordinator, EventFilter, MemoryStore};
use saga_rabbitmq::{RabbitMqError, RabbitMqPublisher, Unroutable};
use saga_test_brokers::{Order, settled};
use tokio::time::{sleep, timeout};

fn main() -> ExitCode {
    let service = saga_test_services::rabbitmq();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            events_come_in_order_with_their_keys_and_ids,
            without_a_queue_nothing_is_passed,
            without_its_exchange_nothing_is_passed,
            what_no_queue_wants_is_a_dead_letter_where_that_is_asked_for,
            what_no_queue_wants_is_gone_where_that_is_asked_for,
            a_full_queue_puts_events_off,
            an_exchange_of_another_type_is_refused,
        ],
    )
}

async fn publisher(url: &str, name: &str) -> RabbitMqPublisher {
    RabbitMqPublisher::connect(url).await.unwrap().with_exchange(name).await.unwrap()
}

/// A coordinator that publishes the events of `store`.
async fn publishing(store: &Arc<MemoryStore>, rabbit: RabbitMqPublisher) -> Coordinator {
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    builder.publish("rabbit", rabbit, EventFilter::all()).build().await.unwrap()
}

/// What the publisher says last of why an event is put off.
async fn put_off(coordinator: &Coordinator) -> String {
    let error = async {
        loop {
            if let Some(error) = coordinator.publishers().remove(0).last_error {
                return error;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), error).await.expect("an event is put off")
}

async fn events_come_in_order_with_their_keys_and_ids(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let rabbit = publisher(&url, &name).await;
    let queue = Queue::bound(&url, &name, "#").await;
    let coordinator = publishing(&store, rabbit).await;
    let order = coordinator.start::<Order>(1).await.unwrap();
    order.outcome().await.unwrap();
    for number in 0..20 {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    settled(&coordinator, 21).await;
    let messages = queue.messages().await;
    queue.remove().await;
    check_delivered(&*store, &common::ids(&messages)).await.unwrap();
    let first = &messages[0];
    assert_eq!(first.key, "order.saga_started");
    assert_eq!(first.id, format!("{}-0", order.id()));
    assert_eq!(first.kind, "saga_started");
    assert!(first.is_persistent);
    let begin = format!("{{\"v\":1,\"id\":\"{}\",\"type\":\"saga_started\"", first.id);
    assert!(first.body.starts_with(&begin), "{}", first.body);
}

async fn without_a_queue_nothing_is_passed(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let coordinator = publishing(&store, publisher(&url, &name).await).await;
    coordinator.start::<Order>(1).await.unwrap().outcome().await.unwrap();
    let error = put_off(&coordinator).await;
    assert!(error.starts_with("no queue is bound") && error.contains("`order.saga_started`"), "{error}");
    assert_eq!(coordinator.publisher_cursors().await.unwrap()[0].position, 0);
    let queue = Queue::bound(&url, &name, "#").await;
    settled(&coordinator, 1).await;
    let messages = queue.messages().await;
    queue.remove().await;
    check_delivered(&*store, &common::ids(&messages)).await.unwrap();
}

async fn without_its_exchange_nothing_is_passed(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let rabbit = RabbitMqPublisher::connect(&url).await.unwrap().exchange(&name).unwrap();
    let coordinator = publishing(&store, rabbit).await;
    coordinator.start::<Order>(1).await.unwrap().outcome().await.unwrap();
    let error = put_off(&coordinator).await;
    assert!(error.contains("no exchange"), "{error}");
    assert_eq!(coordinator.publisher_cursors().await.unwrap()[0].position, 0);
    publisher(&url, &name).await;
    let queue = Queue::bound(&url, &name, "#").await;
    settled(&coordinator, 1).await;
    let messages = queue.messages().await;
    queue.remove().await;
    check_delivered(&*store, &common::ids(&messages)).await.unwrap();
}

/// Many go at once, of which some come back: RabbitMQ tells which by what it sends back, not by its confirmations.
async fn what_no_queue_wants_is_a_dead_letter_where_that_is_asked_for(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let idle = Coordinator::builder_shared(store.clone()).saga(Order).build().await.unwrap();
    for number in 0..100 {
        idle.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    let rabbit = publisher(&url, &name).await.unroutable(Unroutable::Refuse);
    let queue = Queue::in_memory(&url, &name, "*.step_completed").await;
    let coordinator = publishing(&store, rabbit).await;
    settled(&coordinator, 100).await;
    let mut messages = queue.messages().await;
    let letters = coordinator.dead_letters("rabbit", 0, 1_000).await.unwrap();
    assert!(messages.iter().all(|message| message.kind == "step_completed"));
    assert!(
        !letters.is_empty() && letters.iter().all(|letter| letter.reason.starts_with("no queue is bound"))
    );
    // Each is in the queue or a dead letter, and none is both.
    let all = common::all_ids(&*store).await;
    let mut got = common::ids(&messages);
    got.extend(letters.iter().map(|letter| common::id_of(&letter.event)));
    got.sort();
    assert_eq!(got, all);

    queue.bind("#").await;
    for letter in &letters {
        coordinator.resend(letter).await.unwrap();
    }
    let resent = async {
        while !coordinator.dead_letters("rabbit", 0, 1).await.unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), resent).await.expect("the letters are sent again");
    messages.extend(queue.messages().await);
    queue.remove().await;
    let mut got = common::ids(&messages);
    got.sort();
    assert_eq!(got, all);
}

async fn what_no_queue_wants_is_gone_where_that_is_asked_for(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let rabbit = publisher(&url, &name).await.unroutable(Unroutable::Drop);
    let queue = Queue::bound(&url, &name, "*.saga_completed").await;
    let coordinator = publishing(&store, rabbit).await;
    let order = coordinator.start::<Order>(1).await.unwrap();
    order.outcome().await.unwrap();
    settled(&coordinator, 1).await;
    let messages = queue.messages().await;
    queue.remove().await;
    let kinds: Vec<&str> = messages.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["saga_completed"]);
    assert_eq!(coordinator.dead_letters("rabbit", 0, 10).await.unwrap(), []);
}

/// A queue that is full refuses to confirm.
async fn a_full_queue_puts_events_off(url: String) {
    let (name, store) = (common::name(), Arc::new(MemoryStore::new()));
    let rabbit = publisher(&url, &name).await;
    let queue = Queue::of_length(&url, &name, 3).await;
    let coordinator = publishing(&store, rabbit).await;
    for number in 0..5 {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    let error = put_off(&coordinator).await;
    assert!(error.contains("it is full"), "{error}");
    let mut messages = Vec::new();
    let reading = async {
        while coordinator.publisher_cursors().await.unwrap()[0].behind > 0 {
            messages.extend(queue.messages().await);
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), reading).await.expect("what was put off is sent again");
    settled(&coordinator, 5).await;
    messages.extend(queue.messages().await);
    queue.remove().await;
    check_delivered(&*store, &common::ids(&messages)).await.unwrap();
}

async fn an_exchange_of_another_type_is_refused(url: String) {
    let name = common::name();
    let fanout = common::fanout(&url, &name).await;
    let rabbit = RabbitMqPublisher::connect(&url).await.unwrap();
    let error = rabbit.with_exchange(&name).await.unwrap_err();
    assert!(matches!(error, RabbitMqError::Exchange { .. }), "{error}");
    assert!(error.to_string().contains(&name), "{error}");
    fanout.remove().await;
}
