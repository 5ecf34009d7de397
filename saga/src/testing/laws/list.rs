//! Laws of lists: filters, order and pages.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{end, later, new, take};
use crate::machine::SagaState;
use crate::store::{Cursor, Refusal, SagaPage, Sort, Store};
use crate::{SagaFilter, SagaId};

async fn list(store: &Arc<dyn Store>, filter: &SagaFilter) -> SagaPage {
    store.list(filter).await.expect("the sagas are listed")
}

async fn ids(store: &Arc<dyn Store>, filter: SagaFilter) -> Vec<SagaId> {
    list(store, &filter.sort(Sort::OldestFirst)).await.sagas.iter().map(|saga| saga.id).collect()
}

/// A list shows the sagas that match all that the filter says, as their instances.
pub async fn a_list_shows_what_matches_every_filter(store: Arc<dyn Store>) {
    let mut times = Vec::new();
    let mut sagas = Vec::new();
    for new in [
        new().label("customer", "c-1").label("region", "eu"),
        new().label("customer", "c-1").definition("refund"),
        new().label("customer", "c-2").label("region", "eu").state(SagaState::Stuck),
        new().state(SagaState::Running),
    ] {
        later(&store).await;
        times.push(take(&store, &new.append()).await);
        sagas.push(new.id);
    }
    later(&store).await;
    let [a, b, c, d] = sagas[..] else { unreachable!("four were made") };
    let filter = SagaFilter::new;
    assert_eq!(ids(&store, filter()).await, [a, b, c, d]);
    assert_eq!(ids(&store, filter().state(SagaState::Pending)).await, [a, b]);
    assert_eq!(ids(&store, filter().state(SagaState::Running).state(SagaState::Stuck)).await, [c, d]);
    assert_eq!(ids(&store, filter().definition("refund")).await, [b]);
    assert_eq!(ids(&store, filter().definition("refund").definition("order")).await, [a, b, c, d]);
    assert!(ids(&store, filter().definition("Refund")).await.is_empty());
    assert_eq!(ids(&store, filter().created(times[1]..times[3])).await, [b, c]);
    assert_eq!(ids(&store, filter().label("customer", "c-1")).await, [a, b]);
    assert_eq!(ids(&store, filter().label("customer", "c-1").label("region", "eu")).await, [a]);
    assert!(ids(&store, filter().label("region", "c-1")).await.is_empty());
    let all = filter().label("customer", "c-2").state(SagaState::Stuck).definition("order");
    assert_eq!(ids(&store, all.clone().created(times[2]..times[3])).await, [c]);
    assert!(ids(&store, all.clone().created(times[0]..times[2])).await.is_empty());
    assert!(
        ids(&store, all.state(SagaState::Stuck).definition("refund").label("region", "us")).await.is_empty()
    );
    // A filter follows the change of a state.
    take(&store, &end(a, 1, SagaState::Failed)).await;
    assert_eq!(ids(&store, filter().state(SagaState::Pending)).await, [b]);
    for saga in list(&store, &filter()).await.sagas {
        assert_eq!(Some(&saga), store.instance(saga.id).await.expect("the saga is read").as_ref());
    }
}

/// A list goes by the time of recording, and by id where that is the same; newest first unless asked otherwise.
pub async fn a_list_is_sorted_by_time_then_id(store: Arc<dyn Store>) {
    // Ids in an order of their own, and times that may be the same.
    let batch: Vec<_> = (0..6_u8)
        .map(|index| {
            let mut new = new();
            new.id = SagaId::from_bytes([(index * 5) % 6 + 1; 16]);
            new.append()
        })
        .collect();
    for answer in store.append(&batch[..4]).await.expect("the store answers") {
        answer.expect("the append is taken");
    }
    later(&store).await;
    for answer in store.append(&batch[4..]).await.expect("the store answers") {
        answer.expect("the append is taken");
    }
    let oldest = list(&store, &SagaFilter::new().sort(Sort::OldestFirst)).await.sagas;
    assert_eq!(oldest.len(), 6);
    assert!(oldest.is_sorted_by_key(|saga| (saga.created_at, saga.id)));
    let mut newest = list(&store, &SagaFilter::new()).await.sagas;
    newest.reverse();
    assert_eq!(newest, oldest);
}

/// Whoever turns the pages sees each saga that was there once, whatever comes meanwhile, and however it is filtered.
pub async fn pages_show_each_saga_once_however_many_come_meanwhile(store: Arc<dyn Store>) {
    let mut there = Vec::new();
    for index in 0..20 {
        let state = if index % 2 == 0 { SagaState::Pending } else { SagaState::Stuck };
        there.push(new().label("in", "list").state(state).create(&store).await);
        new().label("in", "none").state(SagaState::Running).create(&store).await;
    }
    for sort in [Sort::NewestFirst, Sort::OldestFirst] {
        let by_state = SagaFilter::new().state(SagaState::Pending).state(SagaState::Stuck);
        for filter in [by_state, SagaFilter::new().label("in", "list")] {
            let mut filter = filter.sort(sort).limit(3);
            let mut seen = Vec::new();
            let mut pages = 0;
            loop {
                let page = list(&store, &filter).await;
                seen.extend(page.sagas.iter().map(|saga| saga.id));
                pages += 1;
                assert!(pages < 100, "the pages never end");
                let Some(next) = page.next else { break };
                // Printed and parsed, as through a web page.
                filter = filter.after(next.to_string().parse::<Cursor>().expect("a cursor is read back"));
                // Not endless: those that come are seen too where the oldest are first.
                if pages <= 5 {
                    there.push(new().label("in", "list").create(&store).await);
                }
            }
            let distinct: HashSet<SagaId> = seen.iter().copied().collect();
            assert_eq!(distinct.len(), seen.len(), "a saga is seen once");
            let first: HashSet<SagaId> = there[..20].iter().copied().collect();
            assert!(distinct.is_superset(&first), "none is left out");
            if sort == Sort::OldestFirst {
                assert_eq!(seen, there, "with the oldest first, those that come are at the end");
            }
        }
    }
}

/// A page is never longer than its limit, and the last one says that it is the last, also where it is full.
pub async fn a_full_last_page_is_the_last(store: Arc<dyn Store>) {
    for _ in 0..4 {
        new().create(&store).await;
    }
    let first = list(&store, &SagaFilter::new().limit(2)).await;
    assert_eq!(first.sagas.len(), 2);
    let next = first.next.expect("there are more");
    let last = first.sagas.last().expect("there are two");
    assert_eq!(next, Cursor { created_at: last.created_at, id: last.id });
    let second = list(&store, &SagaFilter::new().limit(2).after(next)).await;
    assert_eq!((second.sagas.len(), second.next), (2, None));
    assert_eq!(list(&store, &SagaFilter::new().limit(4)).await.next, None);
}

/// Labels and keys are told apart by each of their bytes: no case, no composition, no wildcard, no quoting.
pub async fn odd_labels_and_keys_are_told_apart(store: Arc<dyn Store>) {
    let odd = [
        "", " ", "a", "A", "é", "e\u{301}", "%", "_", "'", "\"", "\\", "\u{0}", "a\u{0}", "a\u{0}b", "🦀",
        "\u{202e}", "\n", "$.a", "[0]", "null", "1", "1.0", "漢", "\u{feff}",
    ];
    let long = "x".repeat(5_000);
    let mut sagas = Vec::new();
    for text in odd.into_iter().chain([long.as_str()]) {
        let new = new().key(text).label(text, "as a name").label("as a value", text);
        new.create(&store).await;
        sagas.push((text, new));
    }
    for (text, written) in &sagas {
        let found = super::sample::instance(&store, written.id).await;
        assert_eq!((found.key.as_ref(), &found.labels), (written.key.as_ref(), &written.labels));
        for filter in
            [SagaFilter::new().label(*text, "as a name"), SagaFilter::new().label("as a value", *text)]
        {
            assert_eq!(ids(&store, filter).await, [written.id], "{text:?}");
        }
        let taken = super::sample::append(&store, &new().key(*text).append()).await;
        assert_eq!(taken, Err(Refusal::KeyTaken { existing: written.id }), "{text:?}");
    }
}
