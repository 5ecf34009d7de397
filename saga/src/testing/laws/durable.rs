//! Laws of stores that survive their process: what is there once they are opened again.

use super::append::drop_after_one_poll;
use super::sample::{
    append, change, claim, done, end, ended, instance, later, load, new, step, take, worker,
};
use crate::SagaFilter;
use crate::machine::{Request, SagaState};
use crate::store::{Append, EventsAfter, HeadChange, Purge, Refusal, Sort};
use crate::testing::StorePlace;

/// Journals, instances, labels, keys, requests, counts and positions are as they were.
pub async fn everything_is_there_after_it_is_opened_again(place: &dyn StorePlace) {
    let store = place.open().await;
    let first = new().key("k\u{0}é").label("customer", "c-17");
    first.create(&store).await;
    take(&store, &Append { events: vec![done(0, &[0, 255]), done(1, b"")], ..step(first.id, 1) }).await;
    let worker = worker(&store).await;
    claim(&store, worker, 10).await;
    let stuck = new().create(&store).await;
    take(&store, &change(stuck, 1, HeadChange { state: SagaState::Stuck, owner: None, wake_at: None })).await;
    let number = store.request(stuck, &Request::Retry).await.expect("the request is taken");
    ended(&store, new(), SagaState::Completed).await;

    let filter = SagaFilter::new().sort(Sort::OldestFirst);
    let all = EventsAfter { position: 0, limit: 100 };
    let before = (
        store.list(&filter).await.expect("the sagas are listed"),
        store.events(&all).await.expect("the events are read"),
        store.counts().await.expect("the sagas are counted"),
        store.requests(stuck).await.expect("the requests are read"),
        load(&store, first.id).await,
        instance(&store, first.id).await,
    );
    assert_eq!((before.0.sagas.len(), before.1.len()), (3, 8));
    drop(store);

    let store = place.open().await;
    let after = (
        store.list(&filter).await.expect("the sagas are listed"),
        store.events(&all).await.expect("the events are read"),
        store.counts().await.expect("the sagas are counted"),
        store.requests(stuck).await.expect("the requests are read"),
        load(&store, first.id).await,
        instance(&store, first.id).await,
    );
    assert_eq!(after, before);
    let labelled = store.list(&SagaFilter::new().label("customer", "c-17")).await.expect("listed");
    assert_eq!(labelled.sagas.len(), 1);
    let taken = Err(Refusal::KeyTaken { existing: first.id });
    assert_eq!(append(&store, &new().key("k\u{0}é").append()).await, taken);
    assert!(store.request(stuck, &Request::Retry).await.expect("the request is taken") > number);
    take(&store, &step(first.id, 4)).await;
}

/// Where only one process can have the store, whoever opens it knows that all earlier owners are gone, whatever
/// their leases say.
pub async fn an_exclusive_store_frees_every_saga_as_it_opens(place: &dyn StorePlace) {
    let store = place.open().await;
    if !store.traits().is_exclusive {
        return;
    }
    let owner = worker(&store).await;
    let id = new().owner(owner).create(&store).await;
    let next = worker(&store).await;
    assert!(claim(&store, next, 10).await.is_empty());
    drop(store);
    let store = place.open().await;
    let next = worker(&store).await;
    assert_eq!(claim(&store, next, 10).await, [id]);
}

/// A publisher's cursor stays good across openings, also where the last events were purged before.
pub async fn positions_grow_across_openings(place: &dyn StorePlace) {
    let store = place.open().await;
    ended(&store, new(), SagaState::Completed).await;
    let all = store.events(&EventsAfter { position: 0, limit: 10 }).await.expect("the events are read");
    let last = all.last().map(|entry| entry.position).expect("there are events");
    let purge = Purge { ended_before: later(&store).await, states: vec![SagaState::Completed], limit: 10 };
    assert_eq!(store.purge(&purge).await.expect("the purge is done"), 1);
    drop(store);
    let store = place.open().await;
    let id = new().create(&store).await;
    let after = store.events(&EventsAfter { position: last, limit: 10 }).await.expect("the events are read");
    assert_eq!(after.iter().map(|entry| entry.saga).collect::<Vec<_>>(), [id]);
}

/// A store that is dropped while an append is under way has it in whole, or not at all.
pub async fn an_abandoned_append_is_there_in_whole_or_not_at_all_after_opening_again(place: &dyn StorePlace) {
    for _ in 0..8 {
        let store = place.open().await;
        let id = new().create(&store).await;
        let two = Append { events: vec![done(0, b"a"), done(1, b"b")], ..end(id, 1, SagaState::Failed) };
        drop_after_one_poll(&store, &two);
        drop(store);
        let store = place.open().await;
        match load(&store, id).await.len() {
            1 => assert_eq!(instance(&store, id).await.state, SagaState::Pending),
            3 => assert_eq!(instance(&store, id).await.state, SagaState::Failed),
            length => panic!("half of an append is there: {length} events"),
        }
    }
}
