//! What only a database that processes share can get wrong.

mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::sagas::{Greeting, append, create, done, end, take, turn};
use common::{Schema, connect};
use saga::machine::{Event, Request, SagaState};
use saga::store::{Beat, Claim, Counts, EventsAfter, HeadChange, JournalStore, Purge, QueryStore, Refusal};
use saga::{Coordinator, Outcome, SagaId, StartError, StartOptions, StoreError, WorkerId};
use saga_postgres::{PostgresStore, StartInError};
use tokio::task::JoinSet;

fn main() -> ExitCode {
    let tests = saga_test_services::tests![
        of_two_stores_that_append_at_one_number_one_wins,
        a_race_of_long_appends_leaves_no_half_of_one,
        batches_that_change_the_same_heads_in_opposite_order_do_not_wait_for_each_other,
        a_batch_of_steps_is_refused_only_where_another_was_faster,
        a_stale_owner_is_refused_after_a_claim_through_another_store,
        a_claim_takes_nothing_from_a_worker_that_it_does_not_know_yet,
        connections_that_are_terminated_lose_nothing_and_double_nothing,
        an_event_that_commits_late_is_not_skipped,
        positions_go_on_after_a_dump_was_restored_where_transaction_numbers_are_lower,
        a_saga_that_starts_in_a_transaction_is_there_if_and_only_if_that_commits,
        a_start_in_a_transaction_joins_the_saga_of_its_key,
        leases_go_by_the_clock_of_the_database,
        a_claim_reads_no_saga_that_has_ended,
        counts_say_what_a_count_of_the_sagas_would,
        counting_costs_the_same_however_many_sagas_have_ended,
        an_idle_coordinator_asks_less_than_once_a_second,
        a_request_wakes_the_owner_in_another_process,
        released_work_wakes_the_others,
        many_that_open_a_fresh_schema_at_once_all_do,
        a_schema_of_a_later_version_is_not_touched,
        what_is_wrong_with_a_url_is_said,
        a_user_without_rights_is_told_which,
        a_dropped_table_is_told,
        a_statement_that_waits_too_long_is_given_up,
        a_pool_of_the_users_will_do,
        a_schema_may_have_an_odd_name,
        the_views_show_what_is_there
    ];
    saga_test_services::run(&saga_test_services::postgres(), tests)
}

async fn of_two_stores_that_append_at_one_number_one_wins(url: String) {
    let schema = Schema::new(&url);
    let stores = [schema.store().await, schema.store().await];
    let saga = SagaId::new();
    take(&stores[0], &create(saga, None)).await;
    for expected in 1..40 {
        let (left, right) = (done(saga, expected, 0), done(saga, expected, 1));
        let answers = tokio::join!(append(&stores[0], &left), append(&stores[1], &right));
        assert!(answers.0.is_ok() != answers.1.is_ok(), "{answers:?}");
        let journal = stores[0].load(saga).await.unwrap();
        assert_eq!(journal.len() as u64, expected + 1);
        assert_eq!(journal.last().unwrap().event.step(), Some(usize::from(answers.1.is_ok())));
    }
}

async fn a_race_of_long_appends_leaves_no_half_of_one(url: String) {
    let schema = Schema::new(&url);
    let stores = [schema.store().await, schema.store().await];
    for _ in 0..40 {
        let saga = SagaId::new();
        take(&stores[0], &create(saga, None)).await;
        let mut long = done(saga, 1, 0);
        long.events = vec![long.events[0].clone(); 3];
        let short = done(saga, 1, 1);
        let (long, short) = tokio::join!(append(&stores[0], &long), append(&stores[1], &short));
        assert!(long.is_ok() != short.is_ok());
        assert_eq!(stores[0].load(saga).await.unwrap().len(), if long.is_ok() { 4 } else { 2 });
    }
}

async fn batches_that_change_the_same_heads_in_opposite_order_do_not_wait_for_each_other(url: String) {
    let schema = Schema::new(&url);
    // A deadlock would be found after a second and tried again; without tries it shows.
    let stores = [
        schema.options().retries(0).open().await.unwrap(),
        schema.options().retries(0).open().await.unwrap(),
    ];
    let sagas: Vec<SagaId> = (0..20).map(|_| SagaId::new()).collect();
    for saga in &sagas {
        take(&stores[0], &create(*saga, None)).await;
    }
    let (first, second) = (WorkerId::new(), WorkerId::new());
    for expected in 1..30 {
        let forward: Vec<_> = sagas.iter().map(|saga| turn(*saga, expected, 0, first)).collect();
        let backward: Vec<_> = sagas.iter().rev().map(|saga| turn(*saga, expected, 1, second)).collect();
        let (forward, backward) = tokio::join!(stores[0].append(&forward), stores[1].append(&backward));
        let (forward, backward) = (forward.unwrap(), backward.unwrap());
        for (one, other) in forward.iter().zip(backward.iter().rev()) {
            assert!(one.is_ok() != other.is_ok());
        }
    }
    // The head says what the last entry says.
    for saga in sagas {
        let last = stores[0].load(saga).await.unwrap().pop().unwrap();
        let owner = if last.event.step() == Some(0) { first } else { second };
        assert_eq!(stores[0].instance(saga).await.unwrap().unwrap().owner, Some(owner));
    }
}

/// Two who saw the same place free meet at the primary key; nobody else in their batches is to feel it.
async fn a_batch_of_steps_is_refused_only_where_another_was_faster(url: String) {
    let schema = Schema::new(&url);
    let stores = [schema.store().await, schema.store().await];
    let sagas: Vec<SagaId> = (0..30).map(|_| SagaId::new()).collect();
    for saga in &sagas {
        take(&stores[0], &create(*saga, None)).await;
    }
    let (mine, rest) = sagas.split_at(10);
    let (yours, shared) = rest.split_at(10);
    for expected in 1..30 {
        let batch = |own: &[SagaId], step| -> Vec<_> {
            own.iter().chain(shared).map(|saga| done(*saga, expected, step)).collect()
        };
        let (left, right) = (batch(mine, 0), batch(yours, 1));
        let (left, right) = tokio::join!(stores[0].append(&left), stores[1].append(&right));
        let (left, right) = (left.unwrap(), right.unwrap());
        assert!(left[..10].iter().chain(&right[..10]).all(Result::is_ok));
        for (left, right) in left[10..].iter().zip(&right[10..]) {
            assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
        }
    }
    for saga in sagas {
        assert_eq!(stores[0].load(saga).await.unwrap().len(), 30);
    }
}

async fn a_stale_owner_is_refused_after_a_claim_through_another_store(url: String) {
    let schema = Schema::new(&url);
    let (stale, next) = (schema.store().await, schema.store().await);
    let (old, new) = (WorkerId::new(), WorkerId::new());
    let saga = SagaId::new();
    take(&stale, &create(saga, Some(old))).await;
    stale.heartbeat(&Beat::new(old, Duration::from_mins(1))).await.unwrap();
    next.heartbeat(&Beat::new(new, Duration::from_mins(1))).await.unwrap();
    let claim = Claim { worker: new, definitions: None, limit: 10 };
    assert!(next.claim(&claim).await.unwrap().is_empty());
    stale.heartbeat(&Beat::new(old, Duration::ZERO)).await.unwrap();
    assert_eq!(next.claim(&claim).await.unwrap(), [saga]);
    assert_eq!(append(&stale, &done(saga, 1, 0)).await, Err(Refusal::Conflict));
    take(&next, &done(saga, 2, 0)).await;
}

/// A claim that waited for its turn looks at rows that are newer than what it knows of the workers.
async fn a_claim_takes_nothing_from_a_worker_that_it_does_not_know_yet(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    for _ in 0..100 {
        let saga = SagaId::new();
        take(&store, &create(saga, None)).await;
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            let store = store.clone();
            workers.spawn(async move {
                let worker = WorkerId::new();
                store.heartbeat(&Beat::new(worker, Duration::from_mins(1))).await.unwrap();
                let claim = Claim { worker, definitions: None, limit: 1 };
                store.claim(&claim).await.unwrap().len()
            });
        }
        let claimed: usize = workers.join_all().await.into_iter().sum();
        assert!(claimed <= 1, "one saga was given to {claimed} workers");
        assert_eq!(store.load(saga).await.unwrap().len(), 1 + claimed);
        let now = store.ping().await.unwrap();
        assert!(store.instance(saga).await.unwrap().unwrap().updated_at <= now);
        let length = 1 + claimed as u64;
        let ended = HeadChange { state: SagaState::Completed, owner: None, wake_at: None };
        let end = Event::Ended { state: SagaState::Completed, not_undone: vec![] };
        take(
            &store,
            &saga::store::Append {
                saga,
                expected: length,
                events: vec![end],
                head: Some(ended),
                answered: None,
            },
        )
        .await;
    }
}

async fn connections_that_are_terminated_lose_nothing_and_double_nothing(url: String) {
    const LENGTH: u64 = 60;
    let schema = Schema::new(&url);
    let name = schema.name.clone();
    let store = schema.options().application_name(&name).open().await.unwrap();
    let mut drivers = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        drivers.spawn(async move {
            let saga = SagaId::new();
            let mut unknown = 0;
            for expected in 0..LENGTH {
                let next = if expected == 0 { create(saga, None) } else { done(saga, expected, 0) };
                // As the engine does: what became of an append is read back.
                loop {
                    match store.append_one(&next).await {
                        Ok(Ok(_)) => break,
                        Ok(Err(Refusal::Conflict)) => {
                            let journal = store.load(saga).await;
                            if journal.is_ok_and(|journal| journal.len() as u64 == expected + 1) {
                                break;
                            }
                        }
                        Ok(Err(other)) => panic!("{other:?}"),
                        Err(StoreError::Unavailable { .. }) => unknown += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            (saga, unknown)
        });
    }
    let admin = connect(&url).await;
    let kill =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = left($1, 63)";
    let (mut killed, mut sagas, mut unknown) = (0_i64, Vec::new(), 0);
    while !drivers.is_empty() {
        match tokio::time::timeout(Duration::from_millis(15), drivers.join_next()).await {
            Ok(driver) => {
                let (saga, errors) = driver.unwrap().unwrap();
                sagas.push(saga);
                unknown += errors;
            }
            Err(_) => killed += admin.query_one(kill, &[&name]).await.unwrap().get::<_, i64>(0),
        }
    }
    println!("{killed} connections were terminated, {unknown} appends had no answer");
    assert!(killed > 10 && unknown > 0);
    for saga in sagas {
        let journal = store.load(saga).await.unwrap();
        let numbers: Vec<u64> = journal.iter().map(|record| record.sequence).collect();
        assert_eq!(numbers, (0..LENGTH).collect::<Vec<_>>());
    }
}

async fn an_event_that_commits_late_is_not_skipped(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    let coordinator = Coordinator::builder(store.clone()).saga(Greeting).build().await.unwrap();
    let mut client = schema.client().await;
    let transaction = client.transaction().await.unwrap();
    let options = StartOptions::new().delay(Duration::from_hours(1));
    let late =
        store.start_in::<Greeting>(&coordinator, &transaction, "Ada".into(), options.clone()).await.unwrap();
    let second = store.start_in::<Greeting>(&coordinator, &transaction, "Bo".into(), options).await.unwrap();
    let early = SagaId::new();
    take(&store, &create(early, Some(WorkerId::new()))).await;
    // The early one is committed, and its number is higher: it waits.
    let after = EventsAfter { position: 0, limit: 10 };
    assert!(store.events(&after).await.unwrap().is_empty());
    transaction.commit().await.unwrap();
    let seen: Vec<SagaId> = store.events(&after).await.unwrap().iter().map(|entry| entry.saga).collect();
    assert_eq!(seen[..3], [late.id(), second.id(), early]);
}

async fn positions_go_on_after_a_dump_was_restored_where_transaction_numbers_are_lower(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    let (old, new) = (SagaId::new(), SagaId::new());
    take(&store, &create(old, None)).await;
    drop(store);
    schema
        .client()
        .await
        .batch_execute("UPDATE journal SET position = position + (1::bigint << 50)")
        .await
        .unwrap();
    let store = schema.store().await;
    take(&store, &create(new, None)).await;
    let seen = store.events(&EventsAfter { position: 0, limit: 10 }).await.unwrap();
    assert_eq!(seen.iter().map(|entry| entry.saga).collect::<Vec<_>>(), [old, new]);
    // The next opening finds nothing to do.
    drop(schema.store().await);
    assert_eq!(
        store.events(&EventsAfter { position: seen[0].position, limit: 10 }).await.unwrap(),
        seen[1..]
    );
}

async fn a_saga_that_starts_in_a_transaction_is_there_if_and_only_if_that_commits(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    let long = Duration::from_hours(1);
    let coordinator =
        Coordinator::builder(store.clone()).saga(Greeting).poll_interval(long).build().await.unwrap();
    let mut client = schema.client().await;
    client.batch_execute("CREATE TABLE orders (customer text)").await.unwrap();

    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO orders VALUES ('Ada')", &[]).await.unwrap();
    let given_up = store
        .start_in::<Greeting>(&coordinator, &transaction, "Ada".into(), StartOptions::new())
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(store.instance(given_up.id()).await.unwrap(), None);

    // Past the interval within which one notification is enough.
    tokio::time::sleep(Duration::from_millis(60)).await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO orders VALUES ('Bo')", &[]).await.unwrap();
    let kept = store
        .start_in::<Greeting>(&coordinator, &transaction, "Bo".into(), StartOptions::new())
        .await
        .unwrap();
    assert_eq!(store.instance(kept.id()).await.unwrap(), None);
    transaction.commit().await.unwrap();
    // Nobody polls within an hour: the commit itself tells.
    let outcome = tokio::time::timeout(Duration::from_secs(20), kept.outcome()).await.unwrap().unwrap();
    assert_eq!(outcome, Outcome::Completed("hello Bo".to_owned()));
    let orders = client.query_one("SELECT count(*) FROM orders", &[]).await.unwrap();
    assert_eq!(orders.get::<_, i64>(0), 1);
}

async fn a_start_in_a_transaction_joins_the_saga_of_its_key(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    let coordinator = Coordinator::builder(store.clone()).saga(Greeting).build().await.unwrap();
    let key = || StartOptions::new().key("k\0");
    let first = coordinator.start_with::<Greeting>("Ada".into(), key()).await.unwrap();
    let mut client = schema.client().await;
    let transaction = client.transaction().await.unwrap();
    let second = store.start_in::<Greeting>(&coordinator, &transaction, "Ada".into(), key()).await.unwrap();
    assert_eq!(second.id(), first.id());
    let other = store.start_in::<Greeting>(&coordinator, &transaction, "Bo".into(), key()).await;
    assert!(
        matches!(other, Err(StartInError::Start(StartError::KeyConflict { existing, .. })) if existing == first.id())
    );
    transaction.commit().await.unwrap();
}

async fn leases_go_by_the_clock_of_the_database(url: String) {
    let schema = Schema::new(&url);
    let (store, client) = (schema.store().await, schema.client().await);
    let worker = WorkerId::new();
    let before = store.ping().await.unwrap();
    let beat = store.heartbeat(&Beat::new(worker, Duration::from_secs(100))).await.unwrap();
    let after = store.ping().await.unwrap();
    assert!(before <= beat.now && beat.now <= after);
    let left = "SELECT extract(epoch FROM leased_until - clock_timestamp())::float8 FROM workers";
    let left: f64 = client.query_one(left, &[]).await.unwrap().get(0);
    assert!((90.0..=100.0).contains(&left), "{left} s are left of 100");
    // Nobody's clock but the database's is asked: moved there, the lease is over.
    let saga = SagaId::new();
    take(&store, &create(saga, Some(worker))).await;
    let claim = Claim { worker: WorkerId::new(), definitions: None, limit: 1 };
    assert!(store.claim(&claim).await.unwrap().is_empty());
    client.execute("UPDATE workers SET leased_until = clock_timestamp()", &[]).await.unwrap();
    assert_eq!(store.claim(&claim).await.unwrap(), [saga]);
}

async fn a_claim_reads_no_saga_that_has_ended(url: String) {
    let schema = Schema::new(&url);
    let (store, mut client) = (schema.store().await, schema.client().await);
    for index in 0..10 {
        take(&store, &create(SagaId::new(), (index % 2 == 0).then(WorkerId::new))).await;
    }
    let claim = "SELECT count(*) FROM claim_1(gen_random_uuid(), '{\"v\":1,\"type\":\"resumed\"}', 64, NULL, NULL, NULL)";
    let mut pages = Vec::new();
    for ended in [1_000, 99_000] {
        end_many(&client, ended).await;
        // Undone each time: the next finds the same ten. The first of a session reads the catalog, to plan.
        for is_planned in [false, true] {
            let transaction = client.transaction().await.unwrap();
            if is_planned {
                pages.push(pages_of(&transaction, claim).await);
                let read = "SELECT seq_scan, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables \
                            WHERE relid = 'sagas'::regclass";
                let read = transaction.query_one(read, &[]).await.unwrap();
                let (scans, rows): (i64, i64) = (read.get(0), read.get(1));
                assert_eq!(scans, 0);
                assert!(rows <= 100, "{rows} rows were read");
            } else {
                assert_eq!(transaction.query_one(claim, &[]).await.unwrap().get::<_, i64>(0), 10);
            }
            transaction.rollback().await.unwrap();
        }
    }
    println!("a claim of 10 looked at {pages:?} pages beside 1,000 and 100,000 ended sagas");
    assert!(pages[1] <= pages[0] * 3 / 2, "{pages:?}");
}

/// So many sagas more that have ended.
async fn end_many(client: &tokio_postgres::Client, count: i64) {
    let seed = "INSERT INTO sagas (id, definition, version, fingerprint, state, labels, created_at, updated_at, ended_at) \
                SELECT gen_random_uuid(), 'order', 1, '00000000000000aa', 'completed', '{}', now(), now(), now() \
                FROM generate_series(1, $1::bigint)";
    client.execute(seed, &[&count]).await.unwrap();
    let tally = "INSERT INTO tallies (state, change) VALUES ('completed', $1)";
    client.execute(tally, &[&count]).await.unwrap();
}

/// As many pages, of tables and indexes, a query looks at, by the database's own count.
async fn pages_of(client: &impl tokio_postgres::GenericClient, query: &str) -> u64 {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {query}");
    let plan = client.query(&explain, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    // `Buffers: shared hit=123 read=4 dirtied=5`: of the whole, in the first such line.
    let buffers = plan.iter().find(|line| line.contains("Buffers: shared")).expect("a count of buffers");
    let number = |word: &str| word.split_once('=').and_then(|(_, number)| number.parse::<u64>().ok());
    let looked_at =
        buffers.split_whitespace().filter(|word| word.starts_with("hit=") || word.starts_with("read="));
    looked_at.filter_map(number).sum()
}

async fn counts_say_what_a_count_of_the_sagas_would(url: String) {
    let schema = Schema::new(&url);
    let (store, client) = (schema.store().await, schema.client().await);
    let check = async || {
        let count = "SELECT state, count(*) FROM sagas GROUP BY state";
        let counted = client.query(count, &[]).await.unwrap();
        let counted: Counts = counted
            .iter()
            .map(|row| (row.get::<_, &str>(0).parse().unwrap(), row.get::<_, i64>(1).unsigned_abs()))
            .collect();
        assert_eq!(store.counts().await.unwrap(), counted);
        counted
    };
    let worker = WorkerId::new();
    let sagas: Vec<SagaId> = (0..150).map(|_| SagaId::new()).collect();
    for saga in &sagas {
        take(&store, &create(*saga, Some(worker))).await;
    }
    // Refused: it is there.
    assert_eq!(append(&store, &create(sagas[0], Some(worker))).await, Err(Refusal::Conflict));
    // In one batch: heads that turn, heads that do not, one that is refused, and one that is new.
    let mut batch: Vec<_> = sagas[..100].iter().map(|saga| turn(*saga, 1, 0, worker)).collect();
    batch.extend(sagas[100..].iter().map(|saga| done(*saga, 1, 0)));
    batch.push(turn(SagaId::new(), 1, 0, worker));
    batch.push(create(SagaId::new(), None));
    let taken = store.append(&batch).await.unwrap().iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken, 151);
    for saga in &sagas[..60] {
        take(&store, &end(*saga, 2)).await;
    }
    check().await;
    let rows = async || client.query_one("SELECT count(*) FROM tallies", &[]).await.unwrap().get::<_, i64>(0);
    assert!(rows().await > 150);
    // Whoever beats gathers, also beside others.
    let beats = (0..4).map(|_| {
        let store = store.clone();
        async move { store.heartbeat(&Beat::new(WorkerId::new(), Duration::from_mins(1))).await.unwrap() }
    });
    beats.collect::<JoinSet<_>>().join_all().await;
    assert!(rows().await < 100);
    check().await;
    let purge =
        Purge { ended_before: store.ping().await.unwrap(), states: vec![SagaState::Completed], limit: 25 };
    assert_eq!(store.purge(&purge).await.unwrap(), 25);
    let counted = check().await;
    assert_eq!(counted[&SagaState::Completed], 35);
}

async fn counting_costs_the_same_however_many_sagas_have_ended(url: String) {
    let schema = Schema::new(&url);
    let (store, client) = (schema.store().await, schema.client().await);
    let count = "SELECT state, sum(change)::bigint FROM tallies GROUP BY state HAVING sum(change) > 0";
    let mut pages = Vec::new();
    for ended in [1_000, 99_000] {
        end_many(&client, ended).await;
        pages.push(pages_of(&client, count).await);
    }
    assert_eq!(store.counts().await.unwrap()[&SagaState::Completed], 100_000);
    println!("a count looked at {pages:?} pages beside 1,000 and 100,000 ended sagas");
    assert!(pages[1] <= pages[0] + 1, "{pages:?}");
}

async fn an_idle_coordinator_asks_less_than_once_a_second(url: String) {
    const SECONDS: u64 = 12;
    let admin = connect(&url).await;
    let database = format!("idle_{}", SagaId::new());
    admin.batch_execute(&format!("CREATE DATABASE \"{database}\"")).await.unwrap();
    let own = format!("{}/{database}", url.rsplit_once('/').unwrap().0);
    let store = PostgresStore::connect(own).await.unwrap();
    let coordinator = Coordinator::builder(store).saga(Greeting).build().await.unwrap();
    assert!(matches!(
        coordinator.start::<Greeting>("Ada".into()).await.unwrap().outcome().await.unwrap(),
        Outcome::Completed(_)
    ));
    let count = async || -> i64 {
        let count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
        admin.query_one(count, &[&database]).await.unwrap().get(0)
    };
    let mut asked = i64::MAX;
    // The database's own housekeeping counts too, and comes by once a minute at most: not in both of two windows.
    for _ in 0..2 {
        // Sessions tell of what they did up to ten seconds later.
        tokio::time::sleep(Duration::from_secs(11)).await;
        let before = count().await;
        tokio::time::sleep(Duration::from_secs(SECONDS)).await;
        asked = asked.min(count().await - before);
        if asked.unsigned_abs() < SECONDS {
            break;
        }
    }
    println!("{asked} transactions in {SECONDS} s of idleness");
    assert!(asked > 0 && asked.unsigned_abs() < SECONDS, "{asked} transactions in {SECONDS} s");
    drop(coordinator);
    admin.batch_execute(&format!("DROP DATABASE \"{database}\" WITH (FORCE)")).await.unwrap();
}

async fn a_request_wakes_the_owner_in_another_process(url: String) {
    let schema = Schema::new(&url);
    let (owners, other) = (schema.store().await, schema.store().await);
    let owner = WorkerId::new();
    owners.heartbeat(&Beat::new(owner, Duration::from_mins(1))).await.unwrap();
    let saga = SagaId::new();
    take(&owners, &create(saga, Some(owner))).await;
    let (mut heard, mut others) = (owners.wake_ups().unwrap(), other.wake_ups().unwrap());
    // As it begins to listen, a store says that it may have missed something.
    heard.next().await.unwrap();
    others.next().await.unwrap();
    other.request(saga, &Request::Retry).await.unwrap().unwrap();
    let next = tokio::time::timeout(Duration::from_secs(20), heard.next()).await.unwrap().unwrap();
    assert!(next.requests && !next.work);
    // It is no news for those who don't own it.
    let none = tokio::time::timeout(Duration::from_millis(200), others.next()).await;
    assert!(none.is_err(), "{none:?}");
}

async fn released_work_wakes_the_others(url: String) {
    let schema = Schema::new(&url);
    let (store, other) = (schema.store().await, schema.store().await);
    let mut heard = other.wake_ups().unwrap();
    heard.next().await.unwrap();
    take(&store, &create(SagaId::new(), Some(WorkerId::new()))).await;
    let none = tokio::time::timeout(Duration::from_millis(200), heard.next()).await;
    assert!(none.is_err(), "what has an owner is no news: {none:?}");
    let begun = Instant::now();
    for _ in 0..50 {
        take(&store, &create(SagaId::new(), None)).await;
    }
    let sent_for = begun.elapsed();
    let mut times = 0_u32;
    while let Ok(Some(next)) = tokio::time::timeout(Duration::from_millis(300), heard.next()).await {
        assert!(next.work);
        times += 1;
    }
    let most = u32::try_from(sent_for.as_millis() / 50).unwrap() + 3;
    assert!((1..=most).contains(&times), "50 sagas in {sent_for:?} were told of {times} times");
}

async fn many_that_open_a_fresh_schema_at_once_all_do(url: String) {
    let schema = Schema::new(&url);
    let mut opening = JoinSet::new();
    for _ in 0..6 {
        opening.spawn(schema.options().pool_size(1).open());
    }
    let stores: Vec<PostgresStore> = opening.join_all().await.into_iter().map(Result::unwrap).collect();
    let saga = SagaId::new();
    take(&stores[0], &create(saga, None)).await;
    assert_eq!(stores[5].load(saga).await.unwrap().len(), 1);
}

async fn a_schema_of_a_later_version_is_not_touched(url: String) {
    let schema = Schema::new(&url);
    drop(schema.store().await);
    schema.client().await.batch_execute("UPDATE settings SET version = 99").await.unwrap();
    let error = schema.options().open().await.unwrap_err();
    assert!(matches!(&error, StoreError::Unusable { .. }));
    assert!(
        error.to_string().ends_with("has the version 99, this program knows up to 3: deploy a newer one"),
        "{error}"
    );
}

/// The error of opening a URL.
async fn refused(url: &str) -> (bool, String) {
    let options = PostgresStore::builder(url).retries(0).connect_timeout(Duration::from_secs(2));
    let error = options.open().await.unwrap_err();
    (matches!(error, StoreError::Unusable { .. }), error.to_string())
}

async fn what_is_wrong_with_a_url_is_said(url: String) {
    let (is_unusable, text) = refused("nonsense").await;
    assert!(is_unusable && text.contains("it is `postgres://user:password@host:5432/database`"), "{text}");

    let server = url.rsplit_once('/').unwrap().0;
    let (is_unusable, text) = refused(&format!("{server}/no_such_database")).await;
    assert!(is_unusable && text.contains("create the database with `createdb`"), "{text}");

    let (is_unusable, text) = refused("postgres://me:secret@127.0.0.1:1/test").await;
    assert!(!is_unusable && text.contains("127.0.0.1:1") && text.contains("see that it is up"), "{text}");
    assert!(!text.contains("secret"), "{text}");

    let (_, text) = refused("postgres://me@no-such-host.invalid/test").await;
    assert!(text.contains("no-such-host.invalid") && text.contains("that host and port are right"), "{text}");

    let host = url.rsplit_once('@').unwrap().1;
    let (is_unusable, text) = refused(&format!("postgres://no_such_user@{host}")).await;
    assert!(is_unusable && text.contains("mend user and password in the URL"), "{text}");

    #[cfg(not(feature = "tls"))]
    {
        let (is_unusable, text) = refused(&format!("{url}?sslmode=require")).await;
        assert!(is_unusable && text.contains("with its feature `tls`"), "{text}");
    }
}

async fn a_user_without_rights_is_told_which(url: String) {
    let schema = Schema::new(&url);
    let admin = connect(&url).await;
    let role = schema.name.replace('-', "_");
    admin.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let host = url.rsplit_once('@').unwrap().1;
    let options = || PostgresStore::builder(format!("postgres://{role}@{host}")).schema(&schema.name);
    let error = options().open().await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }));
    assert!(error.to_string().contains("GRANT CREATE ON DATABASE"), "{error}");

    // Once somebody else made the tables, reading and writing is enough.
    drop(schema.store().await);
    let client = schema.client().await;
    let grant = format!(
        "GRANT USAGE ON SCHEMA \"{0}\" TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA \"{0}\" TO {role}; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA \"{0}\" TO {role}",
        schema.name
    );
    client.batch_execute(&grant).await.unwrap();
    let opened = options().open().await;
    if let Ok(store) = &opened {
        take(store, &create(SagaId::new(), None)).await;
    }
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    opened.unwrap();
}

async fn a_dropped_table_is_told(url: String) {
    let schema = Schema::new(&url);
    let store = schema.store().await;
    take(&store, &create(SagaId::new(), None)).await;
    schema.client().await.batch_execute("DROP TABLE journal CASCADE").await.unwrap();
    for error in [
        store.append_one(&create(SagaId::new(), None)).await.unwrap_err(),
        store.load(SagaId::new()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
        assert!(
            error.to_string().contains("a table or a function of the store is missing: restore it"),
            "{error}"
        );
    }
}

async fn a_statement_that_waits_too_long_is_given_up(url: String) {
    let schema = Schema::new(&url);
    // The tables are made without haste.
    drop(schema.store().await);
    let store = schema.options().statement_timeout(Duration::from_millis(200)).open().await.unwrap();
    let client = schema.client().await;
    client.batch_execute("BEGIN; LOCK TABLE journal").await.unwrap();
    let saga = SagaId::new();
    let error = store.append_one(&create(saga, None)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("raise `statement_timeout`, or look for locks"), "{error}");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert!(store.load(saga).await.unwrap().is_empty());
    take(&store, &create(saga, None)).await;
}

async fn a_pool_of_the_users_will_do(url: String) {
    let schema = Schema::new(&url);
    let config: tokio_postgres::Config = url.parse().unwrap();
    let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(1).build().unwrap();
    let store = PostgresStore::over(pool.clone()).schema(&schema.name).open().await.unwrap();
    assert!(store.wake_ups().is_none());
    let coordinator = Coordinator::builder(store).saga(Greeting).build().await.unwrap();
    let greeting = coordinator.start::<Greeting>("Ada".into()).await.unwrap();
    assert_eq!(greeting.outcome().await.unwrap(), Outcome::Completed("hello Ada".to_owned()));
    let listening = PostgresStore::over(pool).schema(&schema.name).wake_ups_from(&url).open().await.unwrap();
    assert!(listening.wake_ups().is_some());
}

async fn a_schema_may_have_an_odd_name(url: String) {
    let name = format!("Odd \"{}", &SagaId::new().to_string()[..18]);
    let options = PostgresStore::builder(&url).schema(&name);
    let store = options.clone().open().await.unwrap();
    let again = options.open().await.unwrap();
    let mut heard = again.wake_ups().unwrap();
    heard.next().await.unwrap();
    let saga = SagaId::new();
    take(&store, &create(saga, None)).await;
    assert_eq!(again.load(saga).await.unwrap().len(), 1);
    tokio::time::timeout(Duration::from_secs(20), heard.next()).await.unwrap().unwrap();
    let client = connect(&url).await;
    client.batch_execute(&format!("DROP SCHEMA \"{}\" CASCADE", name.replace('"', "\"\""))).await.unwrap();
    let error = PostgresStore::builder(&url).schema("").open().await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }));
}

async fn the_views_show_what_is_there(url: String) {
    let schema = Schema::new(&url);
    let (store, client) = (schema.store().await, schema.client().await);
    let saga = SagaId::new();
    take(&store, &create(saga, None)).await;
    take(&store, &done(saga, 1, 0)).await;
    let reason = "no\0 \\u0000 more".to_owned();
    let mut cancel = done(saga, 2, 0);
    cancel.events = vec![Event::CancelRequested { reason }];
    take(&store, &cancel).await;
    store.request(saga, &Request::Retry).await.unwrap().unwrap();
    let seen = "SELECT id::text, state, steps_done, open_requests, last_error FROM overview";
    let seen = client.query_one(seen, &[]).await.unwrap();
    assert_eq!(seen.get::<_, String>(0), saga.to_string());
    assert_eq!((seen.get::<_, &str>(1), seen.get::<_, i64>(2), seen.get::<_, i64>(3)), ("running", 1, 1));
    assert!(seen.get::<_, &str>(4).starts_with("no\u{fffd} "));
    let types = client.query("SELECT type FROM events ORDER BY position", &[]).await.unwrap();
    let types: Vec<&str> = types.iter().map(|row| row.get(0)).collect();
    assert_eq!(types, ["saga_started", "step_completed", "cancel_requested"]);
}
