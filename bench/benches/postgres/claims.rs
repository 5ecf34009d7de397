//! What a claim costs beside 1,000 ended sagas, and beside 1,000,000; and what it costs to count them.

use std::time::{Duration, Instant};

use saga::store::{Claim, JournalStore, QueryStore};
use saga::{SagaId, SagaState, WorkerId};
use saga_bench::measure::bar;
use saga_postgres::PostgresStore;
use tokio_postgres::Client;

use crate::Place;

const FEW: i64 = 1_000;
const MANY: i64 = 1_000_000;

/// Claims of one saga each.
const CLAIMS: usize = 201;

pub(crate) fn run(place: &Place) {
    place.runtime.block_on(async {
        place.leave_a_saga("claims").await;
        let (store, mut client) = (place.store("claims", 2).await, place.client("claims").await);
        end(&client, FEW - 1).await;
        let few = measure(&store, &mut client).await;
        end(&client, MANY - FEW).await;
        let many = measure(&store, &mut client).await;

        println!("\nOne claim of one saga, and a count of all, by how many sagas have ended");
        for (ended, costs) in [(FEW, &few), (MANY, &many)] {
            println!(
                "  beside {ended:>9}: {:>5} µs, {} pages of the database looked at; counted in {} µs",
                costs.claim.as_micros(),
                costs.pages,
                costs.count.as_micros()
            );
        }
        let growth = f64::from(many.pages) / f64::from(few.pages);
        bar(
            "a claim looks at no more than 1.5 times the pages",
            growth <= 1.5,
            &format!("{growth:.2} times"),
        );
        let growth = many.claim.as_secs_f64() / few.claim.as_secs_f64();
        println!("         in time: {growth:.2} times");
    });
}

struct Costs {
    claim: Duration,
    pages: u32,
    count: Duration,
}

async fn measure(store: &PostgresStore, client: &mut Client) -> Costs {
    let worker = WorkerId::new();
    let claim = Claim { worker, definitions: None, limit: 64 };
    let (mut claims, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..CLAIMS {
        leave_one(client).await;
        let begun = Instant::now();
        let claimed = store.claim(&claim).await.expect("a claim");
        claims.push(begun.elapsed());
        assert_eq!(claimed.len(), 1);
        rest(client, &claimed).await;
        let begun = Instant::now();
        let count = store.counts().await.expect("counts");
        counts.push(begun.elapsed());
        assert!(count.get(&SagaState::Completed).is_some_and(|ended| *ended >= FEW.unsigned_abs()));
    }
    leave_one(client).await;
    let pages = pages(client).await;
    rest(client, &store.claim(&claim).await.expect("a claim")).await;
    claims.sort_unstable();
    counts.sort_unstable();
    Costs { claim: claims[CLAIMS / 2], pages, count: counts[CLAIMS / 2] }
}

/// A saga that is somebody's work, and nobody's yet.
async fn leave_one(client: &Client) {
    let insert = "WITH due AS ( \
            INSERT INTO sagas (id, definition, version, fingerprint, state, labels, due_at, created_at, updated_at) \
            SELECT gen_random_uuid(), s.definition, s.version, s.fingerprint, 'running', '{}', now(), now(), now() \
            FROM (SELECT * FROM sagas WHERE state = 'completed' LIMIT 1) s \
            RETURNING id \
        ), told AS (INSERT INTO tallies (state, change) VALUES ('running', 1)) \
        INSERT INTO journal (saga, sequence, position, at, event) \
        SELECT due.id, 0, (SELECT max(position) + 1 FROM journal), now(), '{}' FROM due";
    assert_eq!(client.execute(insert, &[]).await.expect("a row"), 1);
}

/// What was claimed is nobody's work any more, and no part of the next claim.
async fn rest(client: &Client, claimed: &[SagaId]) {
    let ids: Vec<_> = claimed.iter().map(|id| uuid::Uuid::from_bytes(*id.as_bytes())).collect();
    let rest = "UPDATE sagas SET owner = NULL, due_at = NULL, state = 'stuck' WHERE id = ANY($1)";
    client.execute(rest, &[&ids]).await.expect("rows");
}

/// As many pages, of tables and indexes, a claim of one looks at, by the database's own count.
async fn pages(client: &mut Client) -> u32 {
    let transaction = client.transaction().await.expect("a transaction");
    let claim = "SELECT count(*) FROM claim_1(gen_random_uuid(), '{}', 64, NULL, NULL, NULL)";
    // The first call of a session reads the catalog, to plan.
    for _ in 0..2 {
        transaction.batch_execute("SAVEPOINT before").await.expect("a savepoint");
        transaction.query(claim, &[]).await.expect("a claim");
        transaction.batch_execute("ROLLBACK TO before").await.expect("a savepoint");
    }
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {claim}");
    let plan = transaction.query_one(&explain, &[]).await.expect("a plan");
    // Awaited: what it has locked, others pass over.
    transaction.rollback().await.expect("a rollback");
    let plan: serde_json::Value = plan.get(0);
    let plan = &plan[0]["Plan"];
    let count = |name: &str| plan[name].as_u64().expect("a count");
    u32::try_from(count("Shared Hit Blocks") + count("Shared Read Blocks")).expect("few pages")
}

/// So many sagas more that have ended, each with a head and an entry: a claim looks at no more of one.
async fn end(client: &Client, count: i64) {
    let insert = "WITH ended AS ( \
            INSERT INTO sagas (id, definition, version, fingerprint, state, labels, created_at, updated_at, ended_at) \
            SELECT gen_random_uuid(), s.definition, s.version, s.fingerprint, 'completed', '{}', s.created_at, \
                s.created_at, s.created_at \
            FROM (SELECT * FROM sagas WHERE state = 'completed' LIMIT 1) s, generate_series(1, $1::bigint) \
            RETURNING id \
        ), told AS (INSERT INTO tallies (state, change) VALUES ('completed', $1::bigint)) \
        INSERT INTO journal (saga, sequence, position, at, event) \
        SELECT e.id, 0, (SELECT max(position) FROM journal) + row_number() OVER (), now(), '{}' FROM ended e";
    client.execute(insert, &[&count]).await.expect("rows");
    client.batch_execute("VACUUM ANALYZE sagas, journal").await.expect("statistics");
}
