//! Laws of counts, of the stream of all events, and of purges.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::sample::{append, change, claim, done, end, ended, later, load, new, now, step, take, worker};
use crate::machine::{Request, SagaState};
use crate::store::{Append, Counts, EventsAfter, HeadChange, JournalEntry, Purge, Refusal, Store};
use crate::{SagaFilter, SagaId, Timestamp};

async fn counts(store: &Arc<dyn Store>) -> Counts {
    let mut counts = store.counts().await.expect("the sagas are counted");
    counts.retain(|_, count| *count > 0);
    counts
}

async fn events(store: &Arc<dyn Store>, position: u64, limit: usize) -> Vec<JournalEntry> {
    store.events(&EventsAfter { position, limit }).await.expect("the events are read")
}

async fn purge(store: &Arc<dyn Store>, ended_before: Timestamp, states: &[SagaState], limit: usize) -> u64 {
    let purge = Purge { ended_before, states: states.to_vec(), limit };
    store.purge(&purge).await.expect("the purge is done")
}

/// What is not there is answered with nothing, and not with an error.
pub async fn an_unknown_saga_is_nowhere(store: Arc<dyn Store>) {
    let id = SagaId::new();
    assert!(load(&store, id).await.is_empty());
    assert_eq!(store.instance(id).await.expect("the saga is read"), None);
    assert!(store.requests(id).await.expect("the requests are read").is_empty());
    assert!(counts(&store).await.is_empty());
    assert!(events(&store, 0, 10).await.is_empty());
    assert!(store.list(&SagaFilter::new()).await.expect("the sagas are listed").sagas.is_empty());
    let worker = worker(&store).await;
    assert!(claim(&store, worker, 10).await.is_empty());
}

/// The counts are those of the sagas as they stand.
pub async fn counts_follow_every_change(store: Arc<dyn Store>) {
    let first = new().create(&store).await;
    new().create(&store).await;
    new().state(SagaState::Stuck).create(&store).await;
    let is = |pairs: &[(SagaState, u64)]| pairs.iter().copied().collect::<Counts>();
    assert_eq!(counts(&store).await, is(&[(SagaState::Pending, 2), (SagaState::Stuck, 1)]));
    let running = HeadChange { state: SagaState::Running, owner: None, wake_at: None };
    take(&store, &change(first, 1, running)).await;
    take(&store, &change(first, 2, running)).await;
    assert_eq!(append(&store, &end(first, 9, SagaState::Failed)).await, Err(Refusal::Conflict));
    let expected = [(SagaState::Pending, 1), (SagaState::Running, 1), (SagaState::Stuck, 1)];
    assert_eq!(counts(&store).await, is(&expected));
    let worker = worker(&store).await;
    claim(&store, worker, 10).await;
    assert_eq!(counts(&store).await, is(&expected));
}

/// The stream of all events goes by position, each saga's in order, and is read on behind any position.
pub async fn events_come_in_the_order_of_their_commits(store: Arc<dyn Store>) {
    let (first, second) = (new(), new());
    first.create(&store).await;
    second.create(&store).await;
    take(&store, &Append { events: vec![done(0, b"a"), done(1, b"b")], ..step(first.id, 1) }).await;
    take(&store, &step(second.id, 1)).await;
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 1).await.len(), 1);
    take(&store, &end(second.id, 2, SagaState::Completed)).await;

    let all = events(&store, 0, 100).await;
    let order: Vec<(SagaId, u64)> = all.iter().map(|entry| (entry.saga, entry.record.sequence)).collect();
    let (a, b) = (first.id, second.id);
    assert_eq!(order, [(a, 0), (b, 0), (a, 1), (a, 2), (b, 1), (a, 3), (b, 2)]);
    assert!(all.is_sorted_by(|before, after| before.position < after.position));
    let journal = load(&store, a).await;
    assert!(all.iter().filter(|entry| entry.saga == a).map(|entry| &entry.record).eq(&journal));

    let mut read = Vec::new();
    let mut position = 0;
    loop {
        let page = events(&store, position, 2).await;
        assert!(page.len() <= 2);
        assert!(read.len() <= all.len(), "the pages never end");
        let Some(last) = page.last() else { break };
        position = last.position;
        read.extend(page);
    }
    assert_eq!(read, all);
    assert!(events(&store, u64::MAX, 10).await.is_empty());
}

/// Whoever reads behind a cursor while sagas are written sees every event once.
pub async fn a_publisher_misses_nothing(store: Arc<dyn Store>) {
    const SAGAS: u64 = 24;
    const EVENTS: u64 = 6;
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for _ in 0..SAGAS / 4 {
                let id = new().create(&store).await;
                for expected in 1..EVENTS {
                    take(&store, &step(id, expected)).await;
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    let (mut seen, mut position) = (Vec::new(), 0);
    let mut is_written = false;
    loop {
        let page = events(&store, position, 7).await;
        if page.is_empty() {
            if is_written {
                break;
            }
            is_written = writers.try_join_next().is_none() && writers.is_empty();
            tokio::task::yield_now().await;
        }
        for entry in page {
            assert!(entry.position > position);
            position = entry.position;
            seen.push((entry.saga, entry.record.sequence));
        }
    }
    assert_eq!(seen.len() as u64, SAGAS * EVENTS);
    let mut next = std::collections::HashMap::new();
    for (saga, sequence) in seen {
        let expected = next.entry(saga).or_insert(0);
        assert_eq!(sequence, *expected, "each saga's events come in order");
        *expected += 1;
    }
}

/// A purge takes ended sagas, of its states, that ended before its time; never one that is active or stuck.
pub async fn a_purge_takes_only_what_ended_in_its_states_before_its_time(store: Arc<dyn Store>) {
    let old = ended(&store, new(), SagaState::Completed).await;
    let failed = ended(&store, new(), SagaState::Failed).await;
    let mut active = Vec::new();
    for state in SagaState::ALL.into_iter().filter(|state| !state.is_ended()) {
        active.push(new().state(state).create(&store).await);
    }
    // It was created before the time, and ended after.
    let late = new().create(&store).await;
    let time = later(&store).await;
    take(&store, &end(late, 1, SagaState::Completed)).await;

    let mut states = SagaState::ALL.to_vec();
    states.retain(|state| *state != SagaState::Failed);
    assert_eq!(purge(&store, time, &[], 100).await, 0);
    assert_eq!(purge(&store, time, &states, 100).await, 1);
    assert!(load(&store, old).await.is_empty());
    for id in active.into_iter().chain([late, failed]) {
        assert!(!load(&store, id).await.is_empty());
    }
    assert_eq!(purge(&store, time, &states, 100).await, 0);
}

/// A purge stops at its limit, and says how many it took.
pub async fn a_purge_takes_no_more_than_its_limit(store: Arc<dyn Store>) {
    for state in [SagaState::Completed, SagaState::Failed, SagaState::Completed] {
        ended(&store, new(), state).await;
    }
    let time = later(&store).await;
    let states = [SagaState::Completed, SagaState::Failed];
    assert_eq!(purge(&store, time, &states, 0).await, 0);
    assert_eq!(purge(&store, time, &states, 2).await, 2);
    assert_eq!(counts(&store).await.values().sum::<u64>(), 1);
    assert_eq!(purge(&store, time, &states, 2).await, 1);
}

/// Nothing of a purged saga is left: no row, no event, no label, no request, and its key is free.
pub async fn a_purged_saga_leaves_nothing_behind(store: Arc<dyn Store>) {
    let new = new().key("k").label("customer", "c-17");
    new.create(&store).await;
    store.request(new.id, &Request::Retry).await.expect("the request is taken");
    take(&store, &end(new.id, 1, SagaState::Completed)).await;
    let kept = super::sample::new().label("customer", "c-17").create(&store).await;
    let time = later(&store).await;
    assert_eq!(purge(&store, time, &[SagaState::Completed], 10).await, 1);

    assert!(load(&store, new.id).await.is_empty());
    assert_eq!(store.instance(new.id).await.expect("the saga is read"), None);
    assert!(store.requests(new.id).await.expect("the requests are read").is_empty());
    let page = store.list(&SagaFilter::new().label("customer", "c-17")).await.expect("the sagas are listed");
    assert_eq!(page.sagas.iter().map(|saga| saga.id).collect::<Vec<_>>(), [kept]);
    let sagas: HashSet<SagaId> = events(&store, 0, 100).await.iter().map(|entry| entry.saga).collect();
    assert_eq!(sagas, HashSet::from([kept]));
    assert_eq!(counts(&store).await, Counts::from([(SagaState::Pending, 1)]));
    assert_eq!(append(&store, &step(new.id, 2)).await, Err(Refusal::Conflict));
    take(&store, &super::sample::new().key("k").append()).await;
    assert_eq!(load(&store, kept).await.len(), 1);
}

/// A publisher that stands at the last event misses none that comes after that event is purged.
pub async fn positions_are_not_used_again_after_a_purge(store: Arc<dyn Store>) {
    ended(&store, new(), SagaState::Completed).await;
    let last = events(&store, 0, 10).await.last().map(|entry| entry.position).expect("there are events");
    let time = later(&store).await;
    assert_eq!(purge(&store, time, &[SagaState::Completed], 10).await, 1);
    let id = new().create(&store).await;
    let after = events(&store, last, 10).await;
    assert_eq!(after.iter().map(|entry| entry.saga).collect::<Vec<_>>(), [id]);
}

/// The store's clock goes forward, and its events are not ahead of it.
pub async fn time_never_goes_back(store: Arc<dyn Store>) {
    let mut last = now(&store).await;
    for _ in 0..100 {
        let at = take(&store, &new().append()).await;
        assert!(at >= last);
        let next = now(&store).await;
        assert!(next >= at);
        last = next;
    }
}
