//! Laws of what is refused: it changes nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::sample::{append, claim, done, end, instance, load, new, step, take, worker};
use crate::SagaId;
use crate::machine::SagaState;
use crate::store::{Append, Refusal, Store};

/// The sequence number is the fence: an append that expects another one is refused.
pub async fn an_append_at_another_number_changes_nothing(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    take(&store, &step(id, 1)).await;
    let before = (load(&store, id).await, instance(&store, id).await);
    for expected in [1, 3, 4, u64::from(u32::MAX), i64::MAX as u64] {
        let refused = append(&store, &end(id, expected, SagaState::Completed)).await;
        assert_eq!(refused, Err(Refusal::Conflict), "expected {expected}");
    }
    let unknown = SagaId::new();
    assert_eq!(append(&store, &step(unknown, 1)).await, Err(Refusal::Conflict));
    assert_eq!((load(&store, id).await, instance(&store, id).await), before);
    assert!(load(&store, unknown).await.is_empty());
}

/// Number 0 is taken once.
pub async fn a_saga_is_not_created_twice(store: Arc<dyn Store>) {
    let first = new().label("which", "first");
    first.create(&store).await;
    let before = (load(&store, first.id).await, instance(&store, first.id).await);
    let second = first.clone().label("which", "second").state(SagaState::Running);
    assert_eq!(append(&store, &second.append()).await, Err(Refusal::Conflict));
    assert_eq!((load(&store, first.id).await, instance(&store, first.id).await), before);
}

/// In a batch each append has its own answer, in order.
pub async fn a_refused_append_hinders_no_other_of_its_batch(store: Arc<dyn Store>) {
    let (first, second, third) = (new(), new().key("k"), new().key("k"));
    first.create(&store).await;
    let batch = [
        step(first.id, 5),
        second.append(),
        third.append(),
        step(SagaId::new(), 1),
        step(first.id, 1),
        step(third.id, 1),
    ];
    let answers = store.append(&batch).await.expect("the store answers");
    assert_eq!(answers.len(), batch.len());
    let refusals: Vec<Option<Refusal>> = answers.iter().map(|answer| answer.err()).collect();
    let conflict = Some(Refusal::Conflict);
    let taken = Some(Refusal::KeyTaken { existing: second.id });
    assert_eq!(refusals, [conflict, None, taken, conflict, None, conflict]);
    assert_eq!(load(&store, first.id).await.len(), 2);
    assert_eq!(load(&store, second.id).await.len(), 1);
    assert!(load(&store, third.id).await.is_empty());
    assert_eq!(store.instance(third.id).await.expect("the saga is read"), None);
}

/// A second saga of a key learns of the first; the same key is another one under another definition.
pub async fn a_key_is_taken_once_for_each_definition(store: Arc<dyn Store>) {
    let first = new().key("k");
    first.create(&store).await;
    let taken = Err(Refusal::KeyTaken { existing: first.id });
    assert_eq!(append(&store, &new().key("k").append()).await, taken);
    take(&store, &new().key("k").definition("refund").append()).await;
    take(&store, &new().key("K").append()).await;
    take(&store, &new().append()).await;
    take(&store, &new().append()).await;
    // Also once it has ended.
    take(&store, &end(first.id, 1, SagaState::Completed)).await;
    if store.instance(first.id).await.expect("the saga is read").is_some() {
        assert_eq!(append(&store, &new().key("k").append()).await, taken);
    }
}

/// A create that is refused for its id leaves the key to others.
pub async fn a_refused_create_takes_no_key(store: Arc<dyn Store>) {
    let first = new();
    first.create(&store).await;
    assert_eq!(append(&store, &first.clone().key("k").append()).await, Err(Refusal::Conflict));
    take(&store, &new().key("k").append()).await;
}

/// Of many that append at one number at the same time, one is taken.
pub async fn one_of_many_concurrent_appends_wins(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    for round in 0..8 {
        let mut racers = JoinSet::new();
        for racer in 0..8_usize {
            let store = Arc::clone(&store);
            let append = Append { events: vec![done(racer, b"")], ..step(id, 1 + round) };
            racers.spawn(async move { (racer, store.append_one(&append).await.expect("the store answers")) });
        }
        let answers = racers.join_all().await;
        let winners: Vec<usize> =
            answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(racer, _)| *racer).collect();
        assert_eq!(winners.len(), 1);
        let journal = load(&store, id).await;
        assert_eq!(journal.len() as u64, round + 2);
        assert_eq!(journal.last().and_then(|record| record.event.step()), Some(winners[0]));
    }
}

/// Of many that start a saga of one key at the same time, one does, and the others learn of it.
pub async fn one_of_many_concurrent_creates_of_a_key_wins(store: Arc<dyn Store>) {
    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        racers.spawn(async move {
            let new = new().key("k");
            (new.id, store.append_one(&new.append()).await.expect("the store answers"))
        });
    }
    let answers = racers.join_all().await;
    let winners: Vec<SagaId> =
        answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect();
    assert_eq!(winners.len(), 1);
    for (_, answer) in answers {
        assert!(answer.is_ok() || answer == Err(Refusal::KeyTaken { existing: winners[0] }));
    }
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 10).await, winners);
}
