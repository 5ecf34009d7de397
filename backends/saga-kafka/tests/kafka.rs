//! Events reach Kafka's protocol: in order, whatever is cut or killed on the way; duplicates only by id.
//!
//! The broker is Tansu, which keeps its records in memory. So it is not killed: the way to it is cut, with all that was
//! sent and not yet taken.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use saga::store::{EventsAfter, QueryStore};
use saga::testing::check_delivered;
use saga::{Coordinator, EventFilter, MemoryStore};
use saga_kafka::KafkaPublisher;
use saga_test_brokers::{Killable, Order, Server, VERBOSE, Way, in_chaos, settled};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

fn main() -> ExitCode {
    let program = saga_test_services::tansu();
    saga_test_services::run_in_turn(
        &program,
        saga_test_services::tests![
            events_come_in_order_with_their_keys_and_headers,
            what_is_too_large_is_a_dead_letter_and_can_be_sent_again,
            a_silent_broker_puts_events_off_before_the_call_ends,
            cut_ways_and_killed_publishers_lose_nothing,
        ],
    )
}

const TOPIC: &str = "saga.events";
const PARTITIONS: i32 = 3;

/// A broker of this test alone, and the way to it.
fn way(program: String) -> Way {
    Way::to(move |reached_at| {
        Server::new(move |_, port| {
            let mut command = Command::new(&program);
            command.args(["broker", "--storage-engine", "memory://tansu/"]);
            command.args(["--listener-url", &format!("tcp://127.0.0.1:{port}")]);
            command.args(["--advertised-listener-url", &format!("tcp://127.0.0.1:{reached_at}")]);
            command
        })
    })
}

fn config(port: u16) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", format!("127.0.0.1:{port}"));
    config
}

/// Returns once the topic is there.
async fn make_topic(port: u16) {
    let admin: AdminClient<DefaultClientContext> = config(port).create().unwrap();
    let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// A record that a reader got.
#[derive(Debug)]
struct Got {
    partition: i32,
    key: String,
    headers: HashMap<String, String>,
    body: String,
}

fn ids(got: &[Got]) -> Vec<String> {
    got.iter().map(|got| got.headers["id"].clone()).collect()
}

/// The records of the topic from its beginning, until events of all these ids came.
async fn records(port: u16, wanted: &[String]) -> Vec<Got> {
    let consumer: StreamConsumer = config(port).set("group.id", "reader").create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    read(&consumer, wanted).await
}

/// What comes to a reader until events of all these ids did.
async fn read(consumer: &StreamConsumer, wanted: &[String]) -> Vec<Got> {
    let mut missing: HashSet<&str> = wanted.iter().map(String::as_str).collect();
    let mut got: Vec<Got> = Vec::new();
    let reading = async {
        while !missing.is_empty() {
            let record = consumer.recv().await.unwrap();
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            let headers = record.headers().unwrap().iter();
            let headers: HashMap<_, _> =
                headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
            missing.remove(headers["id"].as_str());
            let (key, body) = (text(record.key()), text(record.payload()));
            got.push(Got { partition: record.partition(), key, headers, body });
        }
    };
    let is_read = timeout(Duration::from_mins(1), reading).await.is_ok();
    assert!(is_read, "after {} records these are missing: {missing:?}", got.len());
    got
}

/// The ids of all events of a store.
async fn all_ids(store: &dyn QueryStore) -> Vec<String> {
    let entries = store.events(&EventsAfter { position: 0, limit: 100_000 }).await.unwrap();
    entries.iter().map(|entry| format!("{}-{}", entry.saga, entry.record.sequence)).collect()
}

/// The id of an event as JSON.
fn id_of(event: &str) -> &str {
    let (_, rest) = event.split_once("\"id\":\"").unwrap();
    rest.split('"').next().unwrap()
}

async fn publishing(store: &Arc<MemoryStore>, kafka: KafkaPublisher) -> Coordinator {
    let builder = Coordinator::builder_shared(store.clone()).saga(Order);
    builder.publish("kafka", kafka, EventFilter::all()).build().await.unwrap()
}

async fn events_come_in_order_with_their_keys_and_headers(program: String) {
    let mut way = way(program);
    way.start().await;
    make_topic(way.port()).await;
    // A group that was there before gets all of it.
    let consumer: StreamConsumer =
        config(way.port()).set("group.id", "group").set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    let store = Arc::new(MemoryStore::new());
    let kafka = KafkaPublisher::new(&format!("127.0.0.1:{}", way.port()), TOPIC).unwrap();
    let coordinator = publishing(&store, kafka).await;
    for number in 0..20 {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    settled(&coordinator, 20).await;
    let got = read(&consumer, &all_ids(&*store).await).await;
    check_delivered(&*store, &ids(&got)).await.unwrap();
    let mut partitions = HashMap::new();
    for got in &got {
        let id = &got.headers["id"];
        assert_eq!(got.key, id.rsplit_once('-').unwrap().0);
        assert_eq!(got.headers["definition"], "order");
        let begin = format!("{{\"v\":1,\"id\":\"{id}\",\"type\":\"{}\"", got.headers["type"]);
        assert!(got.body.starts_with(&begin), "{}", got.body);
        assert_eq!(partitions.entry(&got.key).or_insert(got.partition), &got.partition);
    }
    let used: HashSet<&i32> = partitions.values().collect();
    assert!(used.len() > 1, "the sagas are spread over the partitions");
}

async fn what_is_too_large_is_a_dead_letter_and_can_be_sent_again(program: String) {
    let mut way = way(program);
    way.start().await;
    make_topic(way.port()).await;
    let store = Arc::new(MemoryStore::new());
    let mut small = config(way.port());
    small.set("message.max.bytes", "2000");
    let coordinator = publishing(&store, KafkaPublisher::with_config(small, TOPIC).unwrap()).await;
    for number in [0, VERBOSE, 1] {
        coordinator.start::<Order>(number).await.unwrap().outcome().await.unwrap();
    }
    settled(&coordinator, 3).await;
    let letters = coordinator.dead_letters("kafka", 0, 10).await.unwrap();
    assert!(!letters.is_empty());
    for letter in &letters {
        assert!(letter.event.len() > 2_000 && letter.reason.contains("large"), "{letter:?}");
    }
    let all = all_ids(&*store).await;
    let is_letter = |id: &String| letters.iter().any(|letter| id_of(&letter.event) == id);
    let taken: Vec<String> = all.iter().filter(|id| !is_letter(id)).cloned().collect();
    let got = ids(&records(way.port(), &taken).await);
    assert!(!got.iter().any(is_letter), "{got:?}");
    coordinator.shutdown().await;

    let coordinator =
        publishing(&store, KafkaPublisher::with_config(config(way.port()), TOPIC).unwrap()).await;
    for letter in &letters {
        coordinator.resend(letter).await.unwrap();
    }
    let resent = async {
        while !coordinator.dead_letters("kafka", 0, 1).await.unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), resent).await.expect("the letters are sent again");
    records(way.port(), &all).await;
}

/// Else the call would end for all of its events alike, those included that were acknowledged.
async fn a_silent_broker_puts_events_off_before_the_call_ends(program: String) {
    let mut way = way(program);
    way.start().await;
    make_topic(way.port()).await;
    let store = Arc::new(MemoryStore::new());
    let kafka = KafkaPublisher::new(&format!("127.0.0.1:{}", way.port()), TOPIC).unwrap();
    let coordinator = publishing(&store, kafka).await;
    coordinator.start::<Order>(0).await.unwrap().outcome().await.unwrap();
    settled(&coordinator, 1).await;
    way.stall();
    let begun = Instant::now();
    coordinator.start::<Order>(1).await.unwrap().outcome().await.unwrap();
    let error = loop {
        if let Some(error) = coordinator.publishers().remove(0).last_error {
            break error;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing is put off");
        sleep(Duration::from_millis(50)).await;
    };
    assert!(error.contains("Message timed out"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    way.kill().await;
    way.start().await;
    settled(&coordinator, 2).await;
    let got = records(way.port(), &all_ids(&*store).await).await;
    check_delivered(&*store, &ids(&got)).await.unwrap();
}

async fn cut_ways_and_killed_publishers_lose_nothing(program: String) {
    let mut way = way(program);
    way.start().await;
    let port = way.port();
    make_topic(port).await;
    way.kill().await;
    let connect = || async { KafkaPublisher::new(&format!("127.0.0.1:{port}"), TOPIC).unwrap() };
    let (_way, store) = in_chaos(way, 8, connect).await;
    let ids = ids(&records(port, &all_ids(&*store).await).await);
    check_delivered(&*store, &ids).await.unwrap();
    assert!(ids.len() > 200, "{}", ids.len());
}
