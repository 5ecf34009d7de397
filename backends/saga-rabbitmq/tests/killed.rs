//! Events reach a RabbitMQ of the test's own, which is killed, full, or allows little.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::Queue;
use saga::testing::check_delivered;
use saga::{Coordinator, EventFilter, MemoryStore};
use saga_rabbitmq::RabbitMqPublisher;
use saga_test_brokers::{Killable, Order, Server, VERBOSE, in_chaos, settled};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

fn main() -> ExitCode {
    let program = saga_test_services::rabbitmq_server();
    let tests = saga_test_services::tests![
        killed_brokers_and_publishers_lose_nothing,
        what_is_too_large_is_a_dead_letter_and_can_be_sent_again,
    ];
    // RabbitMQ starts in seconds, and on a machine that is busy with others in tens of them.
    let tests = tests.into_iter().map(|test| test.within(Duration::from_mins(15))).collect();
    saga_test_services::run_in_turn(&program, tests)
}

/// A server that allows messages of so many bytes, from its next start on.
fn server(program: String, message_len_max: Arc<AtomicUsize>) -> Server {
    Server::new(move |folder, port| {
        let allowed = message_len_max.load(Ordering::Relaxed);
        let config = format!("listeners.tcp.default = 127.0.0.1:{port}\nmax_message_size = {allowed}\n");
        std::fs::write(folder.join("rabbitmq.conf"), config).unwrap();
        let mut command = Command::new(&program);
        // All that it writes and reads is in the folder, its name is its own, and it takes any port for its peers.
        command
            .env("HOME", folder)
            .env("RABBITMQ_NODENAME", format!("saga-{port}@localhost"))
            .env("RABBITMQ_DIST_PORT", (port - 20_000).to_string())
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_MNESIA_BASE", folder)
            .env("RABBITMQ_PID_FILE", folder.join("pid"));
        command
    })
}

async fn publisher(url: &str) -> RabbitMqPublisher {
    RabbitMqPublisher::connect(url).await.unwrap().with_exchange("events").await.unwrap()
}

async fn killed_brokers_and_publishers_lose_nothing(program: String) {
    let server = server(program, Arc::new(AtomicUsize::new(1_000_000)));
    let url = format!("amqp://127.0.0.1:{}", server.port());
    let connect = || async {
        let rabbit = publisher(&url).await;
        // It is there already after the first round.
        drop(Queue::bound(&url, "events", "#").await);
        rabbit
    };
    let (_server, store) = in_chaos(server, 6, connect).await;
    let ids = common::ids(&Queue::bound(&url, "events", "#").await.messages().await);
    check_delivered(&*store, &ids).await.unwrap();
    assert!(ids.len() > 200, "{}", ids.len());
}

async fn what_is_too_large_is_a_dead_letter_and_can_be_sent_again(program: String) {
    let allowed = Arc::new(AtomicUsize::new(2_000));
    let mut server = server(program, Arc::clone(&allowed));
    server.start().await;
    let url = format!("amqp://127.0.0.1:{}", server.port());
    let store = Arc::new(MemoryStore::new());
    let idle = Coordinator::builder_shared(store.clone()).saga(Order).build().await.unwrap();
    // Beside the one of which RabbitMQ refuses something go others, in the same batches.
    for number in [0, 1, VERBOSE, 2, 3] {
        idle.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    let rabbit = publisher(&url).await;
    let queue = Queue::bound(&url, "events", "#").await;
    let coordinator = builder.publish("rabbit", rabbit, EventFilter::all()).build().await.unwrap();
    settled(&coordinator, 5).await;
    let letters = coordinator.dead_letters("rabbit", 0, 10).await.unwrap();
    assert!(!letters.is_empty());
    for letter in &letters {
        assert!(letter.event.len() > 2_000 && letter.reason.contains("larger than"), "{letter:?}");
    }
    let mut got = common::ids(&queue.messages().await);
    got.extend(letters.iter().map(|letter| common::id_of(&letter.event)));
    got.sort();
    got.dedup();
    assert_eq!(got, common::all_ids(&*store).await);

    allowed.store(1_000_000, Ordering::Relaxed);
    server.kill().await;
    server.start().await;
    for letter in &letters {
        coordinator.resend(letter).await.unwrap();
    }
    let resent = async {
        while !coordinator.dead_letters("rabbit", 0, 1).await.unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let is_resent = timeout(Duration::from_mins(1), resent).await.is_ok();
    assert!(is_resent, "the letters are not sent again: {:?}", coordinator.publishers());
    // What was read before may be there once more: a kill undoes that.
    let ids = common::ids(&Queue::bound(&url, "events", "#").await.messages().await);
    let again: Vec<String> = letters.iter().map(|letter| common::id_of(&letter.event)).collect();
    assert!(ids.ends_with(&again), "{ids:?}");
}
