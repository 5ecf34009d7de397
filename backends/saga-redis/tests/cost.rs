//! What the server does for one call, counted by its own statistics.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use saga::store::{Append, Beat, JournalStore};
use saga::{SagaId, WorkerId};
use saga_redis::RedisStore;

use common::{Namespace, Server, claim, create, end, step};

fn main() -> ExitCode {
    let service = saga_test_services::redis_server();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            a_step_is_two_commands_and_a_batch_a_few_more,
            a_saga_of_four_steps_is_so_many_commands,
            a_claim_costs_the_same_beside_many_ended_sagas,
        ],
    )
}

/// The commands that the server ran since the last time, those of scripts among them.
fn commands(server: &Server) -> u64 {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    server.ask::<()>(&["CONFIG", "RESETSTAT"]);
    let of_others = ["info", "config|resetstat", "client|setinfo"];
    let lines = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let counts = lines
        .filter(|(name, _)| !of_others.contains(name))
        .map(|(_, figures)| figures.split(',').next().map_or(0, |count| count.parse().unwrap()));
    counts.sum()
}

async fn store(server: &Server) -> RedisStore {
    Namespace::left_behind(&server.url(), 1).options().without_wake_ups().open().await.unwrap()
}

async fn take_all(store: &RedisStore, batch: Vec<Append>) {
    for answer in store.append(&batch).await.unwrap() {
        answer.unwrap();
    }
}

/// For each batch: the script itself, the time, the clock read and written, and a look at the log.
const A_BATCH: u64 = 5;

async fn a_step_is_two_commands_and_a_batch_a_few_more(_: String) {
    let server = Server::start("");
    let store = store(&server).await;
    let sagas: Vec<SagaId> = (0..64).map(|_| SagaId::new()).collect();
    take_all(&store, sagas.iter().map(|saga| create(*saga, None, None)).collect()).await;
    commands(&server);
    take_all(&store, sagas.iter().map(|saga| step(*saga, 1, "done")).collect()).await;
    assert_eq!(commands(&server), A_BATCH + 2 * 64);
    take_all(&store, vec![step(sagas[0], 2, "done")]).await;
    assert_eq!(commands(&server), A_BATCH + 2);
}

async fn a_saga_of_four_steps_is_so_many_commands(_: String) {
    let server = Server::start("");
    let store = store(&server).await;
    let owner = Some(WorkerId::new());
    let sagas: Vec<SagaId> = (0..64).map(|_| SagaId::new()).collect();
    commands(&server);
    take_all(&store, sagas.iter().map(|saga| create(*saga, None, owner)).collect()).await;
    // Each: is it there, log, journal, head. For all: looks at five keys, owner, shape, and three indexes.
    assert_eq!(commands(&server), A_BATCH + 4 * 64 + 10);
    for sequence in 1..4 {
        take_all(&store, sagas.iter().map(|saga| step(*saga, sequence, "done")).collect()).await;
    }
    assert_eq!(commands(&server), 3 * (A_BATCH + 2 * 64));
    take_all(&store, sagas.iter().map(|saga| end(*saga, 4)).collect()).await;
    // Each: fence, head read, log, journal, head. For all: looks at six keys, and four indexes.
    assert_eq!(commands(&server), A_BATCH + 5 * 64 + 10);
}

async fn a_claim_costs_the_same_beside_many_ended_sagas(_: String) {
    let server = Server::start("");
    let store = store(&server).await;
    let worker = WorkerId::new();
    store.heartbeat(&Beat::new(worker, Duration::from_hours(1))).await.unwrap();
    // An owner of sagas is looked at with each claim.
    take_all(&store, vec![create(SagaId::new(), None, None)]).await;
    assert_eq!(store.claim(&claim(worker)).await.unwrap().len(), 1);
    let mut costs = Vec::new();
    for ended in [100, 5_000] {
        for _ in 0..ended / 100 {
            let sagas: Vec<SagaId> = (0..100).map(|_| SagaId::new()).collect();
            take_all(&store, sagas.iter().map(|saga| create(*saga, None, None)).collect()).await;
            take_all(&store, sagas.iter().map(|saga| end(*saga, 1)).collect()).await;
        }
        take_all(&store, (0..20).map(|_| create(SagaId::new(), None, None)).collect()).await;
        commands(&server);
        assert_eq!(store.claim(&claim(worker)).await.unwrap().len(), 10);
        costs.push(commands(&server));
    }
    assert_eq!(costs[0], costs[1]);
}
