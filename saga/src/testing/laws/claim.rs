//! Laws of claims and leases: who may drive a saga.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::sample::{
    append, change, claim, end, fingerprint, instance, later, load, new, now, step, take, worker,
};
use crate::machine::{Event, Request, SagaState};
use crate::policy::hours;
use crate::store::{Beat, Claim, DefinitionKey, HeadChange, Refusal, Store};
use crate::{SagaId, Timestamp, WorkerId};

/// A claim makes its worker the owner and says so in the journal; then nobody else gets the saga, nor the worker
/// again.
pub async fn a_free_saga_is_claimed_once(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    let (first, second) = (worker(&store).await, worker(&store).await);
    assert_eq!(claim(&store, first, 10).await, [id]);
    let journal = load(&store, id).await;
    assert_eq!(journal.len(), 2);
    assert_eq!((journal[1].sequence, &journal[1].event), (1, &Event::Claimed { worker: first }));
    let claimed = instance(&store, id).await;
    assert_eq!((claimed.owner, claimed.state), (Some(first), SagaState::Pending));
    assert!(claim(&store, second, 10).await.is_empty());
    assert!(claim(&store, first, 10).await.is_empty());
}

/// Whoever drove the saga before is refused: its number is taken by the claim.
pub async fn a_claim_fences_the_owner_before(store: Arc<dyn Store>) {
    let stale = WorkerId::new();
    let id = new().owner(stale).create(&store).await;
    let next = worker(&store).await;
    assert_eq!(claim(&store, next, 1).await, [id]);
    assert_eq!(append(&store, &end(id, 1, SagaState::Completed)).await, Err(Refusal::Conflict));
    assert_eq!(instance(&store, id).await.owner, Some(next));
    take(&store, &step(id, 2)).await;
}

/// For as long as its owner's lease runs, a saga is not free; a heartbeat sets the lease anew, also a shorter one.
pub async fn a_running_lease_holds_a_saga(store: Arc<dyn Store>) {
    let (owner, other) = (worker(&store).await, worker(&store).await);
    let id = new().owner(owner).create(&store).await;
    assert!(claim(&store, other, 10).await.is_empty());
    let before = now(&store).await;
    let beat = store.heartbeat(&Beat::new(owner, Duration::ZERO)).await.expect("the heartbeat is taken");
    assert!(beat.now >= before);
    assert_eq!(claim(&store, other, 10).await, [id]);
}

/// An owner that the store never heard of, or heard of long ago, holds nothing.
pub async fn an_owner_without_a_lease_holds_nothing(store: Arc<dyn Store>) {
    let id = new().owner(WorkerId::new()).create(&store).await;
    let next = worker(&store).await;
    assert_eq!(claim(&store, next, 10).await, [id]);
}

/// A worker that retires hands over all that it owns.
pub async fn a_retired_worker_frees_its_sagas_at_once(store: Arc<dyn Store>) {
    let (owner, other) = (worker(&store).await, worker(&store).await);
    let id = new().owner(owner).create(&store).await;
    let kept = new().owner(other).create(&store).await;
    store.retire(owner).await.expect("the worker retires");
    let next = worker(&store).await;
    assert_eq!(claim(&store, next, 10).await, [id]);
    assert_eq!(instance(&store, kept).await.owner, Some(other));
}

/// Its owner can give a saga back, at once or until a time, and ask for it again, while its lease goes on.
pub async fn a_released_saga_is_free_at_once(store: Arc<dyn Store>) {
    let (owner, other) = (worker(&store).await, worker(&store).await);
    let (now_free, later_free) =
        (new().owner(owner).create(&store).await, new().owner(owner).create(&store).await);
    let free = HeadChange { state: SagaState::Running, owner: None, wake_at: None };
    let ahead = now(&store).await.saturating_add(hours(1));
    take(&store, &change(now_free, 1, free)).await;
    take(&store, &change(later_free, 1, HeadChange { wake_at: Some(ahead), ..free })).await;
    assert_eq!(claim(&store, other, 10).await, [now_free]);
    // Taken back by an append, it is not free again.
    let again = HeadChange { owner: Some(owner), ..free };
    take(&store, &change(now_free, 3, free)).await;
    take(&store, &change(now_free, 4, again)).await;
    assert!(claim(&store, other, 10).await.is_empty());
}

/// A saga that waits for its time is left alone until then, also when it has an owner that is dead.
pub async fn a_saga_is_not_claimed_before_its_wake_up_time(store: Arc<dyn Store>) {
    let ahead = now(&store).await.saturating_add(hours(1));
    new().wake_at(ahead).create(&store).await;
    new().owner(WorkerId::new()).wake_at(ahead).create(&store).await;
    new().wake_at(Timestamp::from_micros(i64::MAX)).create(&store).await;
    let due = new().wake_at(now(&store).await).create(&store).await;
    later(&store).await;
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 10).await, [due]);
}

/// A parked saga rests until somebody asks something of it.
pub async fn a_stuck_saga_is_claimed_only_for_a_request(store: Arc<dyn Store>) {
    let id = new().state(SagaState::Stuck).create(&store).await;
    let worker = worker(&store).await;
    assert!(claim(&store, worker, 10).await.is_empty());
    store.request(id, &Request::Retry).await.expect("the request is taken");
    assert_eq!(claim(&store, worker, 10).await, [id]);
    assert_eq!(instance(&store, id).await.state, SagaState::Stuck);
    // Answered without going on, it rests again.
    let requests = store.requests(id).await.expect("the requests are read");
    let parked = HeadChange { state: SagaState::Stuck, owner: None, wake_at: None };
    let mut answer = change(id, 2, parked);
    answer.answered = requests.last().map(|(number, _)| *number);
    take(&store, &answer).await;
    assert!(claim(&store, worker, 10).await.is_empty());
}

/// A request is carried out at once, not when the saga wakes up.
pub async fn a_request_wakes_a_sleeping_saga(store: Arc<dyn Store>) {
    let ahead = now(&store).await.saturating_add(hours(1));
    let id = new().wake_at(ahead).create(&store).await;
    new().wake_at(ahead).create(&store).await;
    store.request(id, &Request::Cancel { reason: "no".to_owned() }).await.expect("the request is taken");
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 10).await, [id]);
}

/// The owner answers its saga's requests; nobody else takes the saga for them.
pub async fn a_request_takes_no_saga_from_its_owner(store: Arc<dyn Store>) {
    let (owner, other) = (worker(&store).await, worker(&store).await);
    let id = new().owner(owner).create(&store).await;
    store.request(id, &Request::Retry).await.expect("the request is taken");
    assert!(claim(&store, other, 10).await.is_empty());
}

/// What has ended is nobody's work, whoever owned it.
pub async fn an_ended_saga_is_never_claimed(store: Arc<dyn Store>) {
    let dead = WorkerId::new();
    for state in SagaState::ALL.into_iter().filter(|state| state.is_ended()) {
        let id = new().owner(dead).create(&store).await;
        store.request(id, &Request::Retry).await.expect("the request is taken");
        take(&store, &end(id, 1, state)).await;
    }
    let still = new().owner(dead).create(&store).await;
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 10).await, [still]);
}

/// A worker gets only sagas whose definition it has, in name, version and shape.
pub async fn a_claim_takes_only_definitions_that_match(store: Arc<dyn Store>) {
    let known = new();
    let (mut version, mut shape, name) = (new(), new(), new().definition("Order"));
    version.version = 2;
    shape.fingerprint = fingerprint("00000000000000ff");
    for new in [&version, &shape, &name, &known] {
        new.create(&store).await;
    }
    let worker = worker(&store).await;
    let key = |new: &super::sample::New| DefinitionKey {
        name: new.definition.to_owned(),
        version: new.version,
        fingerprint: new.fingerprint,
    };
    let claim_of = async |definitions: Vec<DefinitionKey>| {
        let claim = Claim { worker, definitions: Some(definitions), limit: 10 };
        store.claim(&claim).await.expect("the claim is answered")
    };
    assert!(claim_of(Vec::new()).await.is_empty());
    assert_eq!(claim_of(vec![key(&known)]).await, [known.id]);
    let two: HashSet<SagaId> = claim_of(vec![key(&version), key(&shape)]).await.into_iter().collect();
    assert_eq!(two, HashSet::from([version.id, shape.id]));
    assert_eq!(claim(&store, worker, 10).await, [name.id]);
}

/// The sagas that have waited longest come first, and never more than were asked for.
pub async fn a_claim_takes_the_longest_waiting_up_to_its_limit(store: Arc<dyn Store>) {
    let start = now(&store).await;
    let at = |micros| Timestamp::from_micros(start.as_micros() - micros);
    let dead = WorkerId::new();
    let third = new().wake_at(at(1_000)).create(&store).await;
    let first = new().wake_at(at(3_000)).create(&store).await;
    let second = new().owner(dead).wake_at(at(2_000)).create(&store).await;
    later(&store).await;
    let fourth = new().create(&store).await;
    later(&store).await;
    let fifth = new().owner(dead).create(&store).await;
    let worker = worker(&store).await;
    assert!(claim(&store, worker, 0).await.is_empty());
    assert_eq!(claim(&store, worker, 2).await, [first, second]);
    assert_eq!(claim(&store, worker, 2).await, [third, fourth]);
    assert_eq!(claim(&store, worker, 2).await, [fifth]);
}

/// However many workers look for work at the same time, each saga goes to one.
pub async fn concurrent_claims_share_no_saga(store: Arc<dyn Store>) {
    const WORKERS: usize = 4;
    for round in 0..16 {
        let mut free = HashSet::new();
        for index in 0..8 {
            // Some are free because their owner is dead.
            let new = if index % 2 == 0 { new().owner(WorkerId::new()) } else { new() };
            free.insert(new.create(&store).await);
        }
        let start = Arc::new(Barrier::new(WORKERS));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            let worker = worker(&store).await;
            workers.spawn(async move {
                start.wait().await;
                (worker, claim(&store, worker, 8).await)
            });
        }
        let mut seen = HashSet::new();
        for (worker, mine) in workers.join_all().await {
            for id in mine {
                assert!(seen.insert(id), "{id} was given to two workers in round {round}");
                assert_eq!(instance(&store, id).await.owner, Some(worker));
                assert_eq!(load(&store, id).await.len(), 2);
            }
        }
        // A store may pass over what another claim has locked: it is there for the next.
        let late = worker(&store).await;
        seen.extend(claim(&store, late, 8).await);
        assert_eq!(seen, free);
    }
}
