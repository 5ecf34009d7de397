//! What happens when connections, servers and processes fail: on servers that are started for it.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use saga::machine::{Event, SagaState};
use saga::store::{Append, Beat, JournalStore, Purge, QueryStore, Refusal};
use saga::{SagaFilter, SagaId, StoreError, Timestamp, WorkerId};
use saga_redis::{RedisOptions, RedisStore, WriteLog};
use tokio::task::JoinSet;

use common::{Cluster, Namespace, Server, claim, create, end, step, take, wait_until};

fn main() -> ExitCode {
    let service = saga_test_services::redis_server();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            two_stores_that_race_take_each_number_once,
            a_stale_owner_is_refused_after_another_store_has_claimed,
            a_lease_ends_by_the_clock_of_the_server,
            killed_connections_lose_and_double_nothing,
            a_killed_server_has_all_that_it_acknowledged,
            flushed_scripts_are_loaded_again,
            a_start_that_died_after_it_reserved_its_key_is_taken_over,
            a_start_that_was_held_for_dead_cannot_create,
            a_purge_that_died_between_key_and_saga_is_done_again,
            a_claim_whose_answer_was_lost_is_told_again,
            a_key_of_a_wrong_type_stops_an_append_before_it_writes,
            a_full_memory_is_waited_out,
            what_cannot_be_used_says_why,
            missing_replicas_are_told,
            the_settings_tell_the_durability,
            deleted_keys_are_healed,
            a_slot_moves_to_another_node_under_load,
        ],
    )
}

/// Appends as the engine does: after an error it reads back whether the append is there, and tries again.
async fn insist(store: &RedisStore, append: &Append) {
    let mut is_retried = false;
    for _ in 0..2_000 {
        match store.append_one(append).await {
            Ok(Ok(_)) => return,
            Ok(Err(refusal)) => {
                assert!(is_retried, "an append that nobody hindered was refused: {refusal:?}");
                let Ok(journal) = store.load(append.saga).await else { continue };
                let at = usize::try_from(append.expected).unwrap();
                assert_eq!(journal.get(at).map(|record| &record.event), append.events.first());
                return;
            }
            Err(StoreError::Unavailable { .. }) => is_retried = true,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("an append was never taken");
}

/// Writes sagas for as long as `goes_on`, each with unique outputs, and returns how long each journal is to be.
async fn write_sagas(store: Arc<RedisStore>, goes_on: Arc<AtomicBool>) -> Vec<(SagaId, u64)> {
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let (store, goes_on) = (Arc::clone(&store), Arc::clone(&goes_on));
        writers.spawn(async move {
            let saga = SagaId::new();
            insist(&store, &create(saga, None, None)).await;
            let mut expected = 1;
            while goes_on.load(Ordering::Relaxed) {
                insist(&store, &step(saga, expected, &expected.to_string())).await;
                expected += 1;
            }
            (saga, expected)
        });
    }
    writers.join_all().await
}

async fn assert_whole(store: &RedisStore, written: &[(SagaId, u64)]) {
    for (saga, length) in written {
        let journal = store.load(*saga).await.unwrap();
        assert_eq!(journal.len() as u64, *length, "nothing is lost or doubled");
        for (record, sequence) in journal.iter().zip(0..).skip(1) {
            let expected = &step(*saga, sequence, &sequence.to_string()).events[0];
            assert_eq!((record.sequence, &record.event), (sequence, expected));
        }
    }
}

async fn two_stores_that_race_take_each_number_once(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 4);
    let stores = [Arc::new(place.store().await), Arc::new(place.store().await)];
    let saga = SagaId::new();
    take(&stores[0], &create(saga, None, None)).await;
    let mut racers = JoinSet::new();
    for (racer, store) in stores.iter().enumerate() {
        let store = Arc::clone(store);
        racers.spawn(async move {
            let mut won = 0;
            for number in 1..=200 {
                match store.append_one(&step(saga, number, &racer.to_string())).await.unwrap() {
                    Ok(_) => won += 1,
                    Err(refusal) => assert_eq!(refusal, Refusal::Conflict),
                }
            }
            won
        });
    }
    let won: u64 = racers.join_all().await.into_iter().sum();
    let journal = stores[1].load(saga).await.unwrap();
    assert_eq!((won, journal.len()), (journal.len() as u64 - 1, 201));
}

async fn a_stale_owner_is_refused_after_another_store_has_claimed(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 4);
    let (stale, next) = (place.store().await, place.store().await);
    let (stale_worker, next_worker) = (WorkerId::new(), WorkerId::new());
    stale.heartbeat(&Beat::new(stale_worker, Duration::ZERO)).await.unwrap();
    let saga = SagaId::new();
    take(&stale, &create(saga, None, Some(stale_worker))).await;
    next.heartbeat(&Beat::new(next_worker, Duration::from_mins(1))).await.unwrap();
    assert_eq!(next.claim(&claim(next_worker)).await.unwrap(), [saga]);
    let late = step(saga, 1, "late");
    assert_eq!(stale.append_one(&late).await.unwrap(), Err(Refusal::Conflict));
    assert_eq!(next.load(saga).await.unwrap().len(), 2);
}

async fn a_lease_ends_by_the_clock_of_the_server(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    let micros = || {
        let time: (i64, i64) = server.ask(&["TIME"]);
        time.0 * 1_000_000 + time.1
    };
    let (owner, other) = (WorkerId::new(), WorkerId::new());
    let saga = SagaId::new();
    take(&store, &create(saga, None, Some(owner))).await;
    let earliest = micros() + 300_000;
    store.heartbeat(&Beat::new(owner, Duration::from_millis(300))).await.unwrap();
    let latest = micros() + 300_000;
    loop {
        let before = micros();
        let claimed = store.claim(&claim(other)).await.unwrap();
        if !claimed.is_empty() {
            assert!(micros() >= earliest, "the lease held until its end");
            return assert_eq!(claimed, [saga]);
        }
        assert!(before < latest, "and not longer");
    }
}

async fn killed_connections_lose_and_double_nothing(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 4);
    let store = Arc::new(place.store().await);
    let goes_on = Arc::new(AtomicBool::new(true));
    let writing = tokio::spawn(write_sagas(Arc::clone(&store), Arc::clone(&goes_on)));
    let mut killed = 0;
    while killed < 30 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // None where all wait to connect again.
        killed += server.ask::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    goes_on.store(false, Ordering::Relaxed);
    assert_whole(&store, &writing.await.unwrap()).await;
}

async fn a_killed_server_has_all_that_it_acknowledged(_: String) {
    let mut server = Server::start("--appendonly yes --appendfsync always");
    let place = Namespace::left_behind(&server.url(), 2);
    let store = Arc::new(place.store().await);
    assert_eq!(store.durability().log, WriteLog::EveryWrite);
    let goes_on = Arc::new(AtomicBool::new(true));
    let writing = tokio::spawn(write_sagas(Arc::clone(&store), Arc::clone(&goes_on)));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.kill();
        server.restart();
    }
    goes_on.store(false, Ordering::Relaxed);
    assert_whole(&store, &writing.await.unwrap()).await;
}

async fn flushed_scripts_are_loaded_again(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 2);
    let store = Arc::new(place.store().await);
    let goes_on = Arc::new(AtomicBool::new(true));
    let writing = tokio::spawn(write_sagas(Arc::clone(&store), Arc::clone(&goes_on)));
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        server.ask::<()>(&["SCRIPT", "FLUSH"]);
    }
    goes_on.store(false, Ordering::Relaxed);
    assert_whole(&store, &writing.await.unwrap()).await;
}

/// The partition of some bytes among 16, as the store has it: FNV-1a.
fn partition(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash % 16
}

/// The record of the key `k`, and a saga in another partition.
fn record_and_stranger(namespace: &str) -> (String, SagaId) {
    let name = "5:order:k";
    let own = partition(name.as_bytes());
    let stranger = std::iter::repeat_with(SagaId::new).find(|saga| partition(saga.as_bytes()) != own);
    (format!("{{{namespace}:{own}}}:key:{name}"), stranger.unwrap())
}

async fn a_start_that_died_after_it_reserved_its_key_is_taken_over(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 16);
    let store = place.store().await;
    let (record, dead) = record_and_stranger(&place.name);
    server.ask::<()>(&["SET", &record, &format!("{dead} nonce")]);
    let (_, next) = record_and_stranger(&place.name);
    take(&store, &create(next, Some("k"), None)).await;
    assert!(server.ask::<String>(&["GET", &record]).starts_with(&next.to_string()));
    assert!(store.load(dead).await.unwrap().is_empty());
    // Now it is there, and others learn of it.
    let (_, third) = record_and_stranger(&place.name);
    let taken = store.append_one(&create(third, Some("k"), None)).await.unwrap();
    assert_eq!(taken, Err(Refusal::KeyTaken { existing: next }));
    // The dead one, tried again by its own process, learns of it too.
    let late = store.append_one(&create(dead, Some("k"), None)).await.unwrap();
    assert_eq!(late, Err(Refusal::KeyTaken { existing: next }));
}

/// The create of a start that reserved with this nonce, as it reaches the server.
fn late_create(server: &Server, namespace: &str, saga: SagaId, nonce: &str, not_after: &str) -> String {
    let script = concat!(include_str!("../src/lua/common.lua"), include_str!("../src/lua/append.lua"));
    let clock = format!("{{{namespace}:{}}}:clock", partition(saga.as_bytes()));
    let (saga, event) = (saga.to_string(), create(saga, Some("k"), None).events[0].encode());
    let entry = format!("{}\n{event}", event.len());
    let answers: Vec<String> = server.ask(&[
        "EVAL",
        script,
        "1",
        &clock,
        "0",
        "1",
        "keyed",
        &saga,
        "0",
        "1",
        &entry,
        "pending",
        "-",
        "",
        "order",
        "1",
        "0000000000000000",
        "",
        "k",
        "5:order:k",
        "reserved",
        nonce,
        not_after,
    ]);
    answers.into_iter().next().unwrap()
}

async fn a_start_that_was_held_for_dead_cannot_create(_: String) {
    const EVER: &str = "9000000000000000";
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 16);
    let store = place.store().await;
    let (record, slow) = record_and_stranger(&place.name);
    // Too late by the clock, also where nobody came between.
    assert_eq!(late_create(&server, &place.name, slow, "first", "1"), "!late");
    server.ask::<()>(&["SET", &record, &format!("{slow} first")]);
    let (_, next) = record_and_stranger(&place.name);
    take(&store, &create(next, Some("k"), None)).await;
    assert_eq!(late_create(&server, &place.name, slow, "first", EVER), "!void");
    assert!(store.load(slow).await.unwrap().is_empty());
    // Another try of the same saga is not held back by that: its record would decide.
    assert!(late_create(&server, &place.name, slow, "second", EVER).parse::<i64>().is_ok());
}

async fn a_purge_that_died_between_key_and_saga_is_done_again(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 16);
    let store = place.store().await;
    let (record, saga) = record_and_stranger(&place.name);
    take(&store, &create(saga, Some("k"), None)).await;
    take(&store, &end(saga, 1)).await;
    assert_eq!(server.ask::<u64>(&["DEL", &record]), 1);
    let (_, next) = record_and_stranger(&place.name);
    take(&store, &create(next, Some("k"), None)).await;
    let ended_before = Timestamp::from_micros(i64::MAX >> 11);
    let purge = Purge { ended_before, states: vec![SagaState::Completed], limit: 10 };
    assert_eq!(store.purge(&purge).await.unwrap(), 1);
    assert!(
        server.ask::<String>(&["GET", &record]).starts_with(&next.to_string()),
        "the key is the next one's"
    );
}

async fn a_claim_whose_answer_was_lost_is_told_again(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    let worker = WorkerId::new();
    store.heartbeat(&Beat::new(worker, Duration::from_mins(10))).await.unwrap();
    let saga = SagaId::new();
    take(&store, &create(saga, None, None)).await;
    // The claim as it reaches the server; its answer is heard by nobody.
    let script = concat!(include_str!("../src/lua/common.lua"), include_str!("../src/lua/claim.lua"));
    let clock = format!("{{{}:0}}:clock", place.name);
    let event = Event::Claimed { worker }.encode();
    let entry = format!("{}\n{event}", event.len());
    let worker_text = worker.to_string();
    let arguments = ["EVAL", script, "1", &clock, "0", "both", &worker_text, "10", &entry, "", "lost", "-1"];
    let (token, claimed): (String, Vec<String>) = server.ask(&arguments);
    assert_eq!((token.as_str(), &claimed[..]), ("lost", &[saga.to_string()][..]));
    // A saga that is free meanwhile doesn't come between.
    let other = SagaId::new();
    take(&store, &create(other, None, None)).await;
    assert_eq!(store.claim(&claim(worker)).await.unwrap(), [saga]);
    assert_eq!(store.claim(&claim(worker)).await.unwrap(), [other]);
    assert!(store.claim(&claim(worker)).await.unwrap().is_empty());
    assert_eq!(store.load(saga).await.unwrap().len(), 2);
}

async fn a_key_of_a_wrong_type_stops_an_append_before_it_writes(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    let name = &place.name;
    let spoiled = [
        format!("{{{name}:0}}:log"),
        format!("{{{name}:0}}:due:-:order:1:0000000000000000"),
        format!("{{{name}:0}}:state:completed:order"),
        format!("{{{name}:0}}:ended:completed"),
    ];
    for key in &spoiled {
        let saga = SagaId::new();
        take(&store, &create(saga, None, None)).await;
        let before = (store.load(saga).await.unwrap(), store.instance(saga).await.unwrap());
        let kept = format!("{key}-kept");
        let was_there = server.ask::<u64>(&["EXISTS", key]) == 1;
        if was_there {
            server.ask::<()>(&["RENAME", key, &kept]);
        }
        server.ask::<()>(&["SET", key, "spoiled"]);
        let error = store.append_one(&end(saga, 1)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Broken { problem } if problem.contains("namespace")), "{error}");
        let after = (store.load(saga).await.unwrap(), store.instance(saga).await.unwrap());
        assert_eq!(after, before, "{key}");
        server.ask::<()>(&["DEL", key]);
        if was_there {
            server.ask::<()>(&["RENAME", &kept, key]);
        }
        take(&store, &end(saga, 1)).await;
    }
}

async fn a_full_memory_is_waited_out(_: String) {
    let server = Server::start("--maxmemory 8mb --maxmemory-policy noeviction");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    let saga = SagaId::new();
    take(&store, &create(saga, None, None)).await;
    let large = "x".repeat(100_000);
    let mut expected = 1;
    let error = loop {
        match store.append_one(&step(saga, expected, &large)).await {
            Ok(answer) => answer.unwrap(),
            Err(error) => break error,
        };
        expected += 1;
        assert!(expected < 1_000, "the memory is full some day");
    };
    assert!(matches!(error, StoreError::Unavailable { .. }));
    assert!(error.to_string().contains("raise `maxmemory`"), "{error}");
    assert_eq!(store.load(saga).await.unwrap().len() as u64, expected);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "100mb"]);
    take(&store, &step(saga, expected, &large)).await;
}

async fn what_cannot_be_used_says_why(_: String) {
    async fn error(options: RedisOptions) -> (bool, String) {
        let options = options.retries(0).connect_timeout(Duration::from_secs(2));
        let error = options.open().await.unwrap_err();
        (matches!(error, StoreError::Unusable { .. }), error.to_string())
    }
    let server = Server::start("--requirepass secret");
    let replica = Server::start(&format!("--replicaof 127.0.0.1 {} --masterauth secret", server.port));
    for (options, is_unusable, part) in [
        (RedisOptions::new("http://me:secret@127.0.0.1"), true, "redis://host:port"),
        (RedisOptions::new("redis://127.0.0.1:1"), false, "127.0.0.1:1"),
        (RedisOptions::new(server.url()), true, "refuses the user or the password"),
        (RedisOptions::new(server.url()).password("wrong"), true, "refuses the user or the password"),
        (RedisOptions::new(replica.url()), true, "is a replica"),
        (RedisOptions::new(server.url()).namespace("{x}"), true, "cannot be a namespace"),
    ] {
        let shown = error(options).await;
        assert_eq!(shown.0, is_unusable, "{}", shown.1);
        assert!(shown.1.contains(part), "{}", shown.1);
        assert!(!shown.1.contains("secret"), "{}", shown.1);
    }
    #[cfg(not(feature = "tls"))]
    {
        let shown = error(RedisOptions::new(format!("rediss://127.0.0.1:{}", server.port))).await;
        assert!(shown.0 && shown.1.contains("feature `tls`"), "{}", shown.1);
    }
    let good = RedisOptions::new(server.url()).password("secret");
    let store = good.clone().partitions(3).open().await.unwrap();
    let shown = error(good.clone().partitions(4)).await;
    assert!(shown.0 && shown.1.contains("has 3 partitions"), "{}", shown.1);
    // One who doesn't ask for a number gets the one that is there.
    good.open().await.unwrap();
    assert!(!format!("{store:?}").contains("secret"));
}

async fn missing_replicas_are_told(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.options().wait_replicas(1, Duration::from_millis(200)).open().await.unwrap();
    let saga = SagaId::new();
    let error = store.append_one(&create(saga, None, None)).await.unwrap_err();
    assert!(error.to_string().contains("only 0 of 1 replicas"), "{error}");
    let _replica = Server::start(&format!("--replicaof 127.0.0.1 {}", server.port));
    wait_until("the replica is there", || {
        server.ask::<String>(&["INFO", "replication"]).contains("state=online")
    });
    let waits = place.options().wait_replicas(1, Duration::from_secs(5)).open().await.unwrap();
    assert!(!waits.durability().may_lose_by_failover);
    let hurries = place.options().open().await.unwrap();
    assert!(hurries.durability().may_lose_by_failover, "there is a replica that nobody waits for");
    // It was written, though it could not be acknowledged.
    insist(&store, &step(saga, 1, "a")).await;
    assert_eq!(store.load(saga).await.unwrap().len(), 2);
}

async fn the_settings_tell_the_durability(_: String) {
    for (settings, log, may_evict) in [
        ("--appendonly yes --appendfsync always", WriteLog::EveryWrite, false),
        ("--appendonly yes --appendfsync everysec", WriteLog::EverySecond, false),
        ("--appendonly yes --appendfsync no", WriteLog::OperatingSystem, false),
        ("--maxmemory 100mb --maxmemory-policy allkeys-lru", WriteLog::Snapshots, true),
        ("--rename-command CONFIG XYZ", WriteLog::Unknown, false),
    ] {
        let server = Server::start(settings);
        let store = RedisStore::connect(server.url()).await.unwrap();
        assert_eq!((store.durability().log, store.durability().may_evict), (log, may_evict), "{settings}");
    }
}

async fn deleted_keys_are_healed(_: String) {
    let server = Server::start("");
    let place = Namespace::left_behind(&server.url(), 1);
    let store = place.store().await;
    let sagas = [SagaId::new(), SagaId::new(), SagaId::new()];
    for saga in sagas {
        take(&store, &create(saga, None, None)).await;
    }
    let name = &place.name;
    let (gone, lost) = (sagas[0], sagas[1]);
    server.ask::<()>(&["DEL", &format!("{{{name}:0}}:head:{gone}"), &format!("{{{name}:0}}:journal:{gone}")]);
    // A reader passes by what leads nowhere, and takes it away.
    let page = store.list(&SagaFilter::new()).await.unwrap();
    assert_eq!(page.sagas.iter().map(|saga| saga.id).collect::<Vec<_>>(), [sagas[2], lost]);
    assert_eq!(store.counts().await.unwrap().values().sum::<u64>(), 2);
    assert_eq!(store.events(&saga::store::EventsAfter { position: 0, limit: 10 }).await.unwrap().len(), 2);
    // What is missing in the indexes comes back.
    let due = format!("{{{name}:0}}:due:-:order:1:0000000000000000");
    for key in [
        &due,
        &format!("{{{name}:0}}:state:pending:order"),
        &format!("{{{name}:0}}:label:8:customer,4:c-17,"),
    ] {
        assert_eq!(server.ask::<u64>(&["DEL", key]), 1, "{key}");
    }
    store.heal().await.unwrap();
    assert_eq!(store.list(&SagaFilter::new().label("customer", "c-17")).await.unwrap().sagas.len(), 2);
    assert_eq!(store.list(&SagaFilter::new()).await.unwrap().sagas.len(), 2);
    assert_eq!(store.claim(&claim(WorkerId::new())).await.unwrap().len(), 2);
}

async fn a_slot_moves_to_another_node_under_load(_: String) {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let (from, to) = (&cluster.nodes[0], &cluster.nodes[1]);
    // The first node has the first third of the slots.
    let slots_there = |place: &Namespace| {
        let clocks = (0..16).map(|partition| format!("{{{}:{partition}}}:clock", place.name));
        let slots = clocks.map(|clock| from.ask::<u64>(&["CLUSTER", "KEYSLOT", &clock]));
        slots.filter(|slot| *slot <= 5460).collect::<Vec<_>>()
    };
    let places = std::iter::repeat_with(|| Namespace::left_behind(&cluster.url(), 16));
    let place = places.into_iter().find(|place| slots_there(place).len() >= 5).unwrap();
    let store = Arc::new(place.store().await);
    let goes_on = Arc::new(AtomicBool::new(true));
    let writing = tokio::spawn(write_sagas(Arc::clone(&store), Arc::clone(&goes_on)));
    wait_until("there is something to move", || from.ask::<u64>(&["DBSIZE"]) > 1);
    for slot in slots_there(&place) {
        cluster.move_slot(slot, from, to);
    }
    goes_on.store(false, Ordering::Relaxed);
    assert_whole(&store, &writing.await.unwrap()).await;
    assert_eq!(from.ask::<u64>(&["DBSIZE"]), 0, "all of its slots have moved");
}
