//! What a dead worker leaves, taken over and finished, beside normal running.

use std::time::{Duration, Instant};

use saga::store::QueryStore;
use saga::{SagaId, SagaState, WorkerId};
use saga_bench::drive::{coordinator, drive};
use saga_bench::measure::bar;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Place;

/// Sagas that the dead worker had under way; `SAGA_BENCH_DEAD` sets another number.
const DEAD: u32 = 100_000;

/// As many callers as a coordinator drives sagas at once by default: what is taken over runs so many at a time too.
const CALLERS: u32 = 1_024;

pub(crate) fn run(place: &Place) {
    let dead = std::env::var("SAGA_BENCH_DEAD").map_or(DEAD, |dead| dead.parse().expect("a number"));
    place.runtime.block_on(async {
        println!("\nSagas that a dead worker had under way, each with all four steps before it");
        place.leave_a_saga("takeover").await;
        leave(&place.client("takeover").await, dead).await;

        let normal = coordinator(place.store("normal", 8).await).await;
        drive(&normal, CALLERS, CALLERS * 2).await;
        let before = rate(&normal).await;

        let store = place.store("takeover", 8).await;
        let begun = Instant::now();
        let heir = coordinator(store.clone()).await;
        let all = u64::from(dead) + 1;
        while store.counts().await.expect("counts").get(&SagaState::Completed) != Some(&all) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let taken_over = f64::from(dead) / begun.elapsed().as_secs_f64();
        let metrics = heir.metrics();
        assert_eq!(metrics.sagas_completed, u64::from(dead), "each was finished once, by the one heir");
        heir.shutdown().await;

        let after = rate(&normal).await;
        println!("  normal running, 1,024 callers: {before:.0} sagas a second before, {after:.0} after");
        println!(
            "  {dead} taken over and finished: {taken_over:.0} sagas a second, {} appends, {} commits",
            metrics.appends, metrics.commits
        );
        let share = taken_over / f64::midpoint(before, after);
        bar("taken over at no less than 0.8 of normal running", share >= 0.8, &format!("{share:.2}"));
    });
}

/// Sagas a second of a coordinator in normal running.
async fn rate(coordinator: &std::sync::Arc<saga::Coordinator>) -> f64 {
    const SAGAS: u32 = CALLERS * 10;
    let begun = Instant::now();
    drive(coordinator, CALLERS, SAGAS).await;
    f64::from(SAGAS) / begun.elapsed().as_secs_f64()
}

/// As many sagas as a worker left that started them and died: the rows of the one that is there, as after its start.
async fn leave(client: &Client, count: u32) {
    let dead = Uuid::from_bytes(*WorkerId::new().as_bytes());
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::from_bytes(*SagaId::new().as_bytes())).collect();
    let heads = "INSERT INTO sagas (id, definition, version, fingerprint, state, labels, owner, due_at, created_at, \
            updated_at) \
        SELECT n.id, s.definition, s.version, s.fingerprint, 'running', '{}', $2, s.created_at, s.created_at, \
            s.created_at \
        FROM sagas s, unnest($1::uuid[]) AS n (id)";
    let starts = "INSERT INTO journal (saga, sequence, position, at, event, payload) \
        SELECT n.id, 0, (pg_current_xact_id()::text::bigint << 20) + n.place, j.at, j.event, j.payload \
        FROM journal j, unnest($1::uuid[]) WITH ORDINALITY AS n (id, place) WHERE j.sequence = 0";
    let tally = "INSERT INTO tallies (state, change) VALUES ('running', $1)";
    // The journal first: it is copied from the one saga that is there.
    client.execute(starts, &[&ids]).await.expect("rows");
    client.execute(heads, &[&ids, &dead]).await.expect("rows");
    client.execute(tally, &[&i64::from(count)]).await.expect("a row");
    client.batch_execute("ANALYZE sagas; ANALYZE journal").await.expect("statistics");
}
