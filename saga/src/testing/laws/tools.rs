//! Laws of what tools ask for.

use std::sync::Arc;
use std::time::Duration;

use super::sample::{claim, ended, instance, later, new, now, worker};
use crate::machine::SagaState;
use crate::policy::hours;
use crate::store::{Beat, DefinitionKey, Store};
use crate::{Definition, DefinitionShape, StepDefinition, StepKind, Timestamp, WorkerId};

fn shape(name: &str, version: u32, step: &'static str) -> DefinitionShape {
    let steps = vec![StepDefinition::new(step, StepKind::Compensatable)];
    DefinitionShape::of(&Definition::new(name.to_owned(), version, steps, vec![vec![0]]))
}

async fn described(store: &Arc<dyn Store>, shape: &DefinitionShape) -> Option<DefinitionShape> {
    store.shape(&DefinitionKey::of_shape(shape)).await.expect("the shape is read")
}

/// What was described is there under its whole key, and nothing else is.
pub async fn a_described_shape_is_read_back(store: Arc<dyn Store>) {
    let shapes = [
        shape("order", 1, "pay"),
        shape("order", 2, "pay"),
        shape("order", 1, "\u{e9}\0"),
        shape("a:1", 1, "pay"),
    ];
    assert_eq!(described(&store, &shapes[0]).await, None);
    store.describe(&[]).await.expect("nothing is described");
    store.describe(&shapes).await.expect("the shapes are kept");
    for shape in &shapes {
        assert_eq!(described(&store, shape).await.as_ref(), Some(shape));
    }
    assert_eq!(described(&store, &shape("order", 3, "pay")).await, None);
    assert_eq!(described(&store, &shape("refund", 1, "pay")).await, None);
}

/// A deploy may add a `verify` under the same shape: the latest word counts.
pub async fn the_latest_description_of_a_shape_counts(store: Arc<dyn Store>) {
    let mut shape = shape("order", 1, "pay");
    store.describe(std::slice::from_ref(&shape)).await.expect("the shape is kept");
    shape.steps[0].has_verify = true;
    store.describe(std::slice::from_ref(&shape)).await.expect("the shape is kept");
    assert_eq!(described(&store, &shape).await, Some(shape));
}

/// Whoever has no running lease is not alive.
pub async fn workers_are_those_whose_lease_runs(store: Arc<dyn Store>) {
    let alive = async || {
        let workers = store.workers().await.expect("the workers are read");
        let mut ids: Vec<WorkerId> = workers.iter().map(|lease| lease.worker).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(alive().await, []);
    let (first, second) = (worker(&store).await, worker(&store).await);
    let dead = WorkerId::new();
    store.heartbeat(&Beat::new(dead, Duration::ZERO)).await.expect("the lease is renewed");
    let mut both = [first, second];
    both.sort_unstable();
    assert_eq!(alive().await, both);
    let now = store.ping().await.expect("the store tells its time");
    let leases = store.workers().await.expect("the workers are read");
    assert!(leases.iter().all(|lease| lease.leased_until > now), "{leases:?} at {now}");
    store.retire(first).await.expect("the lease is ended");
    assert_eq!(alive().await, [second]);
}

/// Whatever is free counts, whoever could drive it, and nothing else: the saga that the next claim of one would take.
pub async fn the_oldest_free_saga_is_the_one_that_a_claim_takes_first(store: Arc<dyn Store>) {
    let oldest = async || store.oldest_free().await.expect("the sagas are read");
    let alive = worker(&store).await;
    new().owner(alive).create(&store).await;
    new().wake_at(now(&store).await.saturating_add(hours(1))).create(&store).await;
    let stuck = new().state(SagaState::Stuck).create(&store).await;
    ended(&store, new(), SagaState::Completed).await;
    assert_eq!(oldest().await, None);

    // Since when each waits: a wake-up time, its last change, or what its dead owner left.
    let long_ago = Timestamp::from_micros(1_000_000);
    let woken = new().definition("unheard of").wake_at(long_ago).create(&store).await;
    let left = new().owner(WorkerId::new()).create(&store).await;
    later(&store).await;
    let last = new().create(&store).await;
    for expected in [woken, left, last] {
        let since = oldest().await;
        let instance = instance(&store, expected).await;
        assert_eq!(since, Some(instance.wake_at.unwrap_or(instance.updated_at)));
        assert_eq!(claim(&store, alive, 1).await, [expected]);
    }
    assert_eq!(oldest().await, None);
    let retry = crate::machine::Request::Retry;
    store.request(stuck, &retry).await.expect("the request is taken");
    assert_eq!(oldest().await, Some(instance(&store, stuck).await.updated_at));
    assert_eq!(claim(&store, alive, 1).await, [stuck]);
}
