//! Durable sagas on Redis, beside the floor; what a claim costs beside a million ended sagas; how fast a dead worker's
//! sagas are finished by another.
//!
//! It starts servers of its own. `SAGA_BENCH_ENDED` and `SAGA_BENCH_IN_FLIGHT` set how many sagas the last two parts
//! have: by default 1,000,000, for which the server takes some 3 GB, and 100,000.

use std::sync::Arc;
use std::time::Instant;

use saga::machine::{Event, SagaState};
use saga::store::{Append, Beat, Claim, HeadChange, JournalStore, QueryStore};
use saga::{Coordinator, SagaId, WorkerId};
use saga_bench::four_steps::{FourSteps, Parcel};
use saga_bench::measure::{Contender, bar, compete, print};
use saga_redis::{RedisOptions, RedisStore};
use tokio::runtime::{Builder, Runtime};

mod redis_floor;
mod redis_server;

use redis_floor::{Floor, Way};
use redis_server::Server;

const CALLERS: u32 = 64;

fn main() {
    if !redis_server::is_there() {
        return println!("no redis-server: it is Debian's package `redis-server`");
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for fsync in ["always", "everysec"] {
        beside_the_floor(&runtime, fsync);
    }
    claims_beside_ended(&runtime, count("SAGA_BENCH_ENDED", 1_000_000));
    take_over(&runtime, count("SAGA_BENCH_IN_FLIGHT", 100_000));
}

fn count(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |value| value.parse().expect("a number"))
}

fn beside_the_floor(runtime: &Runtime, fsync: &str) {
    let server = Server::start(&format!("--appendonly yes --appendfsync {fsync}"));
    let ours = coordinator(runtime, &server.url(), "ours");
    let transactions = Floor::new(runtime, &server.url(), "transactions", Way::Transaction);
    let scripts = Floor::new(runtime, &server.url(), "scripts", Way::Script);
    let floor = |name, floor: &Floor, tasks, units| {
        let floor = floor.clone();
        Contender::new(name, units, move |units| runtime.block_on(floor.write(tasks, units)))
    };
    let saga = |name, callers, units| {
        let ours = Arc::clone(&ours);
        Contender::new(name, units, move |units| runtime.block_on(drive(&ours, callers, units)))
    };
    let figures = compete(
        7,
        vec![
            floor("the floor by transactions, 64 tasks", &transactions, CALLERS, 6_400),
            floor("the floor by scripts, 64 tasks", &scripts, CALLERS, 6_400),
            saga("sagas, 64 callers", CALLERS, 6_400),
            floor("the floor by transactions, one task", &transactions, 1, 300),
            floor("the floor by scripts, one task", &scripts, 1, 300),
            saga("sagas, one caller", 1, 300),
        ],
    );
    print(
        &format!(
            "Four steps that return 200 bytes, on Redis with `appendfsync {fsync}`: the time of one saga"
        ),
        &figures,
    );
    let [transactions_many, scripts_many, many, transactions_one, scripts_one, one] = &figures[..] else {
        return;
    };
    let floor_many = transactions_many.median.min(scripts_many.median);
    let floor_one = transactions_one.median.min(scripts_one.median);
    println!();
    let share = floor_many.as_secs_f64() / many.median.as_secs_f64();
    bar("64 callers, at least 0.7 of the faster floor", share >= 0.7, &format!("{share:.2}"));
    let latency = one.median.as_secs_f64() / floor_one.as_secs_f64();
    bar(
        "one caller, at most 1.25 times the faster floor's latency",
        latency <= 1.25,
        &format!("{latency:.2} times"),
    );
    let metrics = ours.metrics();
    let sagas = metrics.sagas_completed;
    println!("         {sagas} sagas, {} appends, {} commits", metrics.appends, metrics.commits);
    assert_eq!(metrics.appends, 5 * sagas, "N + 1 appends");
    work_of_the_server(runtime, &server, &ours, &scripts);
}

/// What the server does for a saga, which no other work on the machine changes.
fn work_of_the_server(runtime: &Runtime, server: &Server, ours: &Arc<Coordinator>, floor: &Floor) {
    const SAGAS: u32 = 6_400;
    server.work();
    runtime.block_on(drive(ours, CALLERS, SAGAS));
    let sagas = server.work();
    runtime.block_on(floor.write(CALLERS, SAGAS));
    let floor = server.work();
    let each = |figure: f64| figure / f64::from(SAGAS);
    println!(
        "         on the server, a saga: {:.1} commands, {:.1} µs in scripts; the floor: {:.1}, {:.1} µs",
        each(sagas.commands),
        each(sagas.micros),
        each(floor.commands),
        each(floor.micros)
    );
}

/// What one claim costs the server, beside a thousand ended sagas and beside many.
fn claims_beside_ended(runtime: &Runtime, ended: usize) {
    const CLAIMS: u32 = 1_000;
    println!("\nOne claim of one saga, beside ended sagas: what the server does");
    let server = Server::start("--appendonly no");
    let floor = Floor::new(runtime, &server.url(), "claims", Way::Script);
    let store = runtime.block_on(open(&server.url(), "claims"));
    let templates = runtime.block_on(templates(&server.url(), "claims"));
    let mut there = 1;
    let mut costs = Vec::new();
    for sagas in [1_000, ended] {
        runtime.block_on(floor.fill(sagas - there));
        there = sagas + costs.len() * usize::try_from(CLAIMS).unwrap_or(0);
        let work = runtime.block_on(async {
            for _ in 0..CLAIMS / 100 {
                leave_in_flight(&store, &templates, WorkerId::new(), 100).await;
            }
            let worker = WorkerId::new();
            store
                .heartbeat(&Beat::new(worker, std::time::Duration::from_mins(10)))
                .await
                .expect("a heartbeat");
            server.work();
            for _ in 0..CLAIMS {
                let claim = Claim { worker, definitions: None, limit: 1 };
                assert_eq!(store.claim(&claim).await.expect("a claim").len(), 1);
            }
            server.work()
        });
        let commands = work.commands / f64::from(CLAIMS);
        let micros = work.micros / work.scripts;
        println!("  beside {sagas:>9} ended sagas: {commands:.1} commands, {micros:.1} µs");
        costs.push((commands, micros));
    }
    let [(few_commands, few), (many_commands, many)] = &costs[..] else { return };
    println!();
    bar(
        "a claim takes no more commands beside many ended sagas",
        many_commands <= few_commands,
        &format!("{few_commands:.1} and {many_commands:.1}"),
    );
    bar(
        "a claim takes the server no more time, give or take a half",
        *many <= 1.5 * few,
        &format!("{few:.1} µs and {many:.1} µs"),
    );
}

/// A worker died in the midst of many sagas; another finishes them.
fn take_over(runtime: &Runtime, in_flight: usize) {
    /// As many as one coordinator drives at the same time.
    const CALLERS: u32 = 1_024;
    println!(
        "\n{in_flight} sagas of a dead worker, each with none to three of four steps done, on `everysec`"
    );
    let server = Server::start("--appendonly yes --appendfsync everysec");
    let url = server.url();
    let (templates, store) =
        runtime.block_on(async { (templates(&url, "fleet").await, open(&url, "fleet").await) });
    runtime.block_on(leave_in_flight(&store, &templates, WorkerId::new(), in_flight));
    let begun = Instant::now();
    let ours = coordinator(runtime, &url, "fleet");
    runtime.block_on(async {
        while ours.metrics().sagas_completed < in_flight as u64 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let took = begun.elapsed();
    let counts = runtime.block_on(store.counts()).expect("counts");
    assert_eq!(counts.get(&SagaState::Completed), Some(&(in_flight as u64 + 1)), "all are finished");
    let count = u32::try_from(in_flight).expect("not that many");
    let taken_over = f64::from(count) / took.as_secs_f64();
    let units = count / CALLERS * CALLERS;
    let begun = Instant::now();
    runtime.block_on(drive(&ours, CALLERS, units));
    let normal = f64::from(units) / begun.elapsed().as_secs_f64();
    println!("  taken over and finished: {taken_over:>9.0} a second");
    println!("  normal, 1,024 callers:   {normal:>9.0} a second");
    println!();
    let share = taken_over / normal;
    bar("finished at no less than 0.8 of the normal rate", share >= 0.8, &format!("{share:.2}"));
}

async fn open(url: &str, namespace: &str) -> RedisStore {
    RedisOptions::new(url).namespace(namespace).open().await.expect("a fresh server")
}

fn coordinator(runtime: &Runtime, url: &str, namespace: &str) -> Arc<Coordinator> {
    let store = runtime.block_on(open(url, namespace));
    Arc::new(
        runtime.block_on(Coordinator::builder(store).saga(FourSteps).build()).expect("an open store answers"),
    )
}

async fn drive(coordinator: &Arc<Coordinator>, callers: u32, units: u32) {
    let caller = |_| {
        let coordinator = Arc::clone(coordinator);
        tokio::spawn(async move {
            for unit in 0..units / callers {
                let handle = coordinator.start::<FourSteps>(Parcel::new(unit.into())).await.expect("a start");
                let outcome = handle.outcome().await.expect("an outcome");
                assert_eq!(outcome.completed().expect("four steps that go well").id, u64::from(unit) + 4);
            }
        })
    };
    let callers: Vec<_> = (0..callers).map(caller).collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
}

/// One saga that was driven to its end.
async fn leave_a_saga(url: &str, namespace: &str) -> SagaId {
    let store = open(url, namespace).await;
    let coordinator =
        Coordinator::builder(store).saga(FourSteps).build().await.expect("an open store answers");
    let handle = coordinator.start::<FourSteps>(Parcel::new(0)).await.expect("a start");
    handle.outcome().await.expect("an outcome");
    coordinator.shutdown().await;
    handle.id()
}

/// The events of a saga, up to its third step.
async fn templates(url: &str, namespace: &str) -> Vec<Event> {
    let id = leave_a_saga(url, namespace).await;
    let journal = open(url, namespace).await.load(id).await.expect("a journal");
    journal.into_iter().take(4).map(|record| record.event).collect()
}

/// Sagas that a worker drives, as it leaves them when it dies.
async fn leave_in_flight(store: &RedisStore, templates: &[Event], worker: WorkerId, sagas: usize) {
    const BATCH: usize = 500;
    for first in (0..sagas).step_by(BATCH) {
        let append = |number: usize| {
            let mut events = templates[..=(number % 4)].to_vec();
            if let Event::SagaStarted(started) = &mut events[0] {
                started.owner = Some(worker);
            }
            let head = Some(HeadChange { state: SagaState::Running, owner: Some(worker), wake_at: None });
            Append { saga: SagaId::new(), expected: 0, events, head, answered: None }
        };
        let batch: Vec<Append> = (first..sagas.min(first + BATCH)).map(append).collect();
        for answer in store.append(&batch).await.expect("appends") {
            answer.expect("a new saga");
        }
    }
}
