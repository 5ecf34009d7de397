//! What one process hears of another before it asks: on servers that are started for it.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use saga::machine::Request;
use saga::store::{Beat, JournalStore, WakeUp, WakeUps};
use saga::{Coordinator, Outcome, SagaId, StepContext, StepError, WorkerId, saga, step};
use saga_redis::{RedisOptions, RedisStore};
use tokio::sync::Notify;
use tokio::time::timeout;

use common::{Cluster, Namespace, Server, create, step as done, take, wait_until};

fn main() -> ExitCode {
    let service = saga_test_services::redis_server();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            a_request_wakes_the_owner_in_another_process,
            in_a_cluster_a_request_wakes_the_owner,
            released_work_wakes_the_others_and_appends_send_nothing,
            a_killed_listener_listens_again,
            a_listener_follows_its_slot_to_another_node,
            a_cancel_reaches_the_owner_at_once,
            what_no_message_told_is_found_by_polling,
            a_user_without_rights_on_channels_polls,
            an_idle_coordinator_asks_as_often_as_its_settings_say,
        ],
    )
}

/// Longer than anything here takes, unless it never comes.
const LIMIT: Duration = Duration::from_mins(1);

async fn next(heard: &mut WakeUps) -> WakeUp {
    timeout(LIMIT, heard.next()).await.expect("news").expect("an open store")
}

async fn nothing(heard: &mut WakeUps) {
    let none = timeout(Duration::from_millis(300), heard.next()).await;
    assert!(none.is_err(), "{none:?}");
}

/// As it begins to listen, a store says that it may have missed something.
async fn listening(store: &RedisStore) -> WakeUps {
    let mut heard = store.wake_ups().unwrap();
    assert_eq!(next(&mut heard).await, WakeUp { work: true, requests: true });
    heard
}

async fn a_request_is_heard_by_its_owner_alone(owners: &RedisStore, other: &RedisStore) {
    let owner = WorkerId::new();
    owners.heartbeat(&Beat::new(owner, LIMIT)).await.unwrap();
    let saga = SagaId::new();
    take(owners, &create(saga, None, Some(owner))).await;
    let (mut heard, mut others) = (listening(owners).await, listening(other).await);
    other.request(saga, &Request::Retry).await.unwrap().unwrap();
    assert_eq!(next(&mut heard).await, WakeUp { work: false, requests: true });
    nothing(&mut others).await;
}

async fn a_request_wakes_the_owner_in_another_process(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    a_request_is_heard_by_its_owner_alone(&place.store().await, &place.store().await).await;
}

async fn in_a_cluster_a_request_wakes_the_owner(_: String) {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let place = Namespace::left_behind(&cluster.url(), 16);
    a_request_is_heard_by_its_owner_alone(&place.store().await, &place.store().await).await;
}

/// How often the server got a command.
fn calls(server: &Server, command: &str) -> u64 {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()).map_or(0, |count| count.parse().unwrap())
}

async fn released_work_wakes_the_others_and_appends_send_nothing(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let (store, other) = (place.store().await, place.store().await);
    let mut heard = listening(&other).await;
    let owned = SagaId::new();
    let scripts = calls(&server, "evalsha");
    take(&store, &create(owned, None, Some(WorkerId::new()))).await;
    for sequence in 1..=20 {
        take(&store, &done(owned, sequence, "done")).await;
    }
    nothing(&mut heard).await;
    assert_eq!(calls(&server, "evalsha") - scripts, 21, "an append is one command");
    assert_eq!(calls(&server, "spublish"), 0, "what has an owner is no news");
    for _ in 0..50 {
        take(&store, &create(SagaId::new(), None, None)).await;
    }
    assert_eq!(next(&mut heard).await, WakeUp { work: true, requests: false });
    let sent = calls(&server, "spublish");
    assert!((1..50).contains(&sent), "50 sagas were told of {sent} times");
}

async fn a_killed_listener_listens_again(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let (store, other) = (place.store().await, place.store().await);
    let mut heard = listening(&store).await;
    for _ in 0..3 {
        let killed: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert!(killed > 0, "there was a listener to kill");
        // What was told meanwhile was not heard: both are looked for.
        assert_eq!(next(&mut heard).await, WakeUp { work: true, requests: true });
    }
    take(&other, &create(SagaId::new(), None, None)).await;
    assert!(next(&mut heard).await.work);
}

async fn a_listener_follows_its_slot_to_another_node(_: String) {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let place = Namespace::left_behind(&cluster.url(), 1);
    let (store, other) = (place.store().await, place.store().await);
    let mut heard = listening(&store).await;
    let channel = format!("{{{}:0}}:wake", place.name);
    let slot: u64 = cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", &channel]);
    let subscribers = |node: &Server| {
        let count: (String, u64) = node.ask(&["PUBSUB", "SHARDNUMSUB", &channel]);
        count.1
    };
    wait_until("both listen", || cluster.nodes.iter().map(subscribers).sum::<u64>() == 2);
    let home = cluster.nodes.iter().position(|node| subscribers(node) == 2).unwrap();
    let (from, to) = (&cluster.nodes[home], &cluster.nodes[(home + 1) % 3]);
    cluster.move_slot(slot, from, to);
    wait_until("both listen there", || subscribers(to) == 2);
    while timeout(Duration::from_millis(300), heard.next()).await.is_ok() {}
    take(&other, &create(SagaId::new(), None, None)).await;
    assert!(next(&mut heard).await.work);
}

/// A saga whose first step goes on until it is told.
#[saga(name = "patient", steps(wait -> finish))]
struct Patient {
    has_begun: Arc<Notify>,
}

#[step(compensate = none)]
async fn wait(cx: &StepContext<Patient>, _name: &String) -> Result<(), StepError> {
    cx.has_begun.notify_one();
    cx.cancelled().await;
    Ok(())
}

#[step(compensate = none)]
async fn finish(_saga: &Patient, _before: &()) -> Result<(), StepError> {
    Ok(())
}

/// A coordinator that asks the store for requests so seldom that a test never waits for it, or often.
async fn coordinator(options: RedisOptions, lease: Duration) -> (Coordinator, Arc<Notify>) {
    let has_begun = Arc::new(Notify::new());
    let patient = Patient { has_begun: Arc::clone(&has_begun) };
    let builder = Coordinator::builder(options.open().await.unwrap()).saga(patient).lease(lease);
    (builder.poll_interval(lease).build().await.unwrap(), has_begun)
}

async fn cancels_from_another_process(options: RedisOptions, lease: Duration) {
    let (owner, has_begun) = coordinator(options.clone(), lease).await;
    let (other, _) = coordinator(options, lease).await;
    let handle = owner.start::<Patient>("Ada".into()).await.unwrap();
    timeout(LIMIT, has_begun.notified()).await.unwrap();
    other.cancel(handle.id(), "no more").await.unwrap();
    let there = other.handle::<Patient>(handle.id());
    let outcome = timeout(LIMIT, there.outcome()).await.expect("it is heard of").unwrap();
    assert!(matches!(outcome, Outcome::Cancelled(_)), "{outcome:?}");
}

async fn a_cancel_reaches_the_owner_at_once(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    cancels_from_another_process(place.options(), Duration::from_hours(1)).await;
}

async fn what_no_message_told_is_found_by_polling(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let options = place.options().without_wake_ups();
    assert!(options.clone().open().await.unwrap().wake_ups().is_none());
    cancels_from_another_process(options, Duration::from_millis(900)).await;
    assert_eq!((calls(&server, "spublish"), calls(&server, "ssubscribe")), (0, 0));
}

async fn a_user_without_rights_on_channels_polls(_: String) {
    let server = Server::start("");
    server.ask::<()>(&["ACL", "SETUSER", "shop", "on", ">secret", "~*", "resetchannels", "+@all"]);
    let place = Namespace::left_behind(&server.url(), 1);
    let options = place.options().username("shop").password("secret");
    cancels_from_another_process(options, Duration::from_millis(900)).await;
    assert!(
        calls(&server, "ssubscribe") > 0 || server.ask::<String>(&["INFO", "errorstats"]).contains("NOPERM")
    );
}

async fn an_idle_coordinator_asks_as_often_as_its_settings_say(_: String) {
    const POLL: Duration = Duration::from_millis(100);
    const LEASE: Duration = Duration::from_millis(900);
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    listening(&store).await;
    let builder = Coordinator::builder(store).saga(Patient { has_begun: Arc::default() });
    let _coordinator = builder.poll_interval(POLL).lease(LEASE).build().await.unwrap();
    let (begun, before) = (std::time::Instant::now(), calls(&server, "evalsha"));
    // Until it has asked twenty times; by then it has searched and beaten.
    wait_until("it has asked", || calls(&server, "evalsha") >= before + 20);
    let (asked, took) = (calls(&server, "evalsha") - before, begun.elapsed().as_secs_f64());
    // A search is one script, a heartbeat is two; each may have begun before, and once for what may have been missed.
    let most = took / POLL.as_secs_f64() + 2.0 + 2.0 * (took / (LEASE / 3).as_secs_f64() + 2.0);
    assert!(u32::try_from(asked).is_ok_and(|asked| f64::from(asked) <= most), "{asked} in {took} s");
    assert_eq!(calls(&server, "spublish"), 0, "it has nothing to tell");
}
