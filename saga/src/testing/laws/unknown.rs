//! Laws of sagas that nobody knows: they are listed, for else they would be forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::sample::{New, ended, fingerprint, instance, new, now, take, worker};
use crate::machine::{Request, SagaState};
use crate::policy::hours;
use crate::store::{Append, Beat, DefinitionKey, HeadChange, Store};
use crate::{SagaId, WorkerId};

fn key(new: &New) -> DefinitionKey {
    DefinitionKey { name: new.definition.to_owned(), version: new.version, fingerprint: new.fingerprint }
}

async fn unknown(store: &Arc<dyn Store>) -> Vec<(DefinitionKey, u64)> {
    let unknown = store.unknown().await.expect("the store is searched");
    unknown.into_iter().map(|unknown| (unknown.definition, unknown.sagas)).collect()
}

async fn beat(store: &Arc<dyn Store>, worker: WorkerId, lease: Duration, knows: &[&New]) {
    let beat = Beat::new(worker, lease).knowing(knows.iter().map(|new| key(new)).collect());
    store.heartbeat(&beat).await.expect("the heartbeat is taken");
}

/// A saga like another.
fn like(new: &New) -> New {
    New { id: SagaId::new(), ..new.clone() }
}

/// A definition is known by its name, version and shape, to whoever said so with its last heartbeat, while that lives.
pub async fn a_definition_is_unknown_until_a_live_worker_knows_it(store: Arc<dyn Store>) {
    let (mut version, mut shape) = (new(), new());
    version.version = 2;
    shape.fingerprint = fingerprint("00000000000000ff");
    let (order, name) = (new(), new().definition("a:1:b\0\\\u{e9}"));
    assert_eq!(unknown(&store).await, []);
    for new in [&order, &like(&order), &version, &shape, &name] {
        new.create(&store).await;
    }
    let [of_name, of_shape, of_order, of_version] =
        [(key(&name), 1), (key(&shape), 1), (key(&order), 2), (key(&version), 1)];
    let all = [of_name.clone(), of_shape.clone(), of_order.clone(), of_version.clone()];
    assert_eq!(unknown(&store).await, all);
    let (first, second) = (WorkerId::new(), WorkerId::new());
    beat(&store, first, hours(1), &[&order, &name]).await;
    assert_eq!(unknown(&store).await, [of_shape.clone(), of_version.clone()]);
    // What it doesn't say any more, it doesn't know any more.
    beat(&store, first, hours(1), &[&order]).await;
    assert_eq!(unknown(&store).await, [of_name.clone(), of_shape.clone(), of_version.clone()]);
    beat(&store, second, hours(1), &[&version, &shape, &name, &order]).await;
    assert_eq!(unknown(&store).await, []);
    store.retire(second).await.expect("the worker retires");
    assert_eq!(unknown(&store).await, [of_name, of_shape, of_version]);
    beat(&store, first, Duration::ZERO, &[&order]).await;
    assert_eq!(unknown(&store).await, all);
}

/// Sagas that wait, whatever for, count until they end; those that a live worker owns don't.
pub async fn an_unknown_saga_counts_until_it_ends_and_while_no_live_worker_owns_it(store: Arc<dyn Store>) {
    let count = async || unknown(&store).await.first().map_or(0, |(_, sagas)| *sagas);
    let (alive, dead) = (worker(&store).await, WorkerId::new());
    let owned = new().owner(alive).create(&store).await;
    ended(&store, new(), SagaState::Completed).await;
    assert_eq!(count().await, 0);
    new().wake_at(now(&store).await.saturating_add(hours(1))).create(&store).await;
    new().owner(dead).create(&store).await;
    let stuck = new().state(SagaState::Stuck).create(&store).await;
    assert_eq!(count().await, 3);
    // It is one, also with a request.
    store.request(stuck, &Request::Retry).await.expect("the request is taken");
    assert_eq!(count().await, 3);
    let parked = HeadChange { state: SagaState::Stuck, owner: None, wake_at: None };
    take(&store, &super::sample::change(owned, 1, parked)).await;
    assert_eq!(count().await, 4);
    let end: Append = super::sample::end(stuck, 1, SagaState::Failed);
    take(&store, &end).await;
    assert_eq!(count().await, 3);
    store.retire(alive).await.expect("the worker retires");
    assert_eq!(count().await, 3);
    assert_eq!(instance(&store, owned).await.state, SagaState::Stuck);
}
