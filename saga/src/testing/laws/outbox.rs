//! Laws of the cursors of publishers and of dead letters.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::sample::{end, ended, instance, later, new, step, take};
use crate::machine::SagaState;
use crate::policy::hours;
use crate::store::outbox::{
    CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters, OutboxStore,
    RefusedEvent,
};
use crate::store::{EventsAfter, Purge, Store};
use crate::testing::StorePlace;
use crate::{SagaId, WorkerId};

fn outbox(store: &Arc<dyn Store>) -> &dyn OutboxStore {
    store.outbox().expect("the store keeps cursors")
}

async fn lease(store: &Arc<dyn Store>, name: &str, worker: WorkerId) -> Option<u64> {
    outbox(store).lease_cursor(name, worker, hours(1)).await.expect("the lease is answered")
}

async fn advance(store: &Arc<dyn Store>, advance: &CursorAdvance) -> bool {
    outbox(store).advance_cursor(advance).await.expect("the move is answered")
}

async fn cursor(store: &Arc<dyn Store>, name: &str) -> Option<CursorStatus> {
    let cursors = outbox(store).cursors().await.expect("the cursors are read");
    cursors.into_iter().find(|cursor| cursor.name == name)
}

async fn letters(store: &Arc<dyn Store>, publisher: &str, position: u64, which: Letters) -> Vec<DeadLetter> {
    let after = DeadLettersAfter { publisher: publisher.to_owned(), position, limit: 10, which };
    outbox(store).dead_letters(&after).await.expect("the letters are read")
}

async fn change(store: &Arc<dyn Store>, publisher: &str, position: u64, change: &DeadLetterChange) -> bool {
    let changed = outbox(store).change_dead_letter(publisher, position, change).await;
    changed.expect("the change is answered")
}

async fn last_position(store: &Arc<dyn Store>) -> u64 {
    let entries =
        store.events(&EventsAfter { position: 0, limit: 1_000 }).await.expect("the events are read");
    entries.last().map_or(0, |entry| entry.position)
}

fn go(name: &str, worker: WorkerId, from: u64, to: u64) -> CursorAdvance {
    CursorAdvance { name: name.to_owned(), worker, from, to, refused: Vec::new() }
}

fn refused(position: u64, saga: SagaId) -> RefusedEvent {
    let reason = format!("reason {position}");
    RefusedEvent { position, saga, event: format!("{{\"at\":{position}}}"), reason }
}

/// A cursor is made by the first who leases it, and nobody else has it until it is released.
pub async fn a_cursor_is_held_by_one_worker_at_a_time(store: Arc<dyn Store>) {
    let (first, second) = (WorkerId::new(), WorkerId::new());
    assert_eq!(cursor(&store, "p").await, None);
    assert_eq!(lease(&store, "p", first).await, Some(0));
    assert_eq!(lease(&store, "p", second).await, None);
    assert_eq!(lease(&store, "p", first).await, Some(0));
    // Another name is another cursor.
    assert_eq!(lease(&store, "q", second).await, Some(0));
    assert_eq!(cursor(&store, "p").await.expect("it is there").holder, Some(first));
    outbox(&store).release_cursor("p", second).await.expect("the release is answered");
    assert_eq!(lease(&store, "p", second).await, None);
    outbox(&store).release_cursor("p", first).await.expect("the release is answered");
    assert_eq!(cursor(&store, "p").await.expect("it is there").holder, None);
    assert_eq!(lease(&store, "p", second).await, Some(0));
    assert_eq!(lease(&store, "p", first).await, None);
}

/// A lease that has run out holds nothing; where the cursor stood, the next one goes on.
pub async fn a_cursor_whose_lease_ran_out_goes_to_another(store: Arc<dyn Store>) {
    let (first, second) = (WorkerId::new(), WorkerId::new());
    assert_eq!(lease(&store, "p", first).await, Some(0));
    assert!(advance(&store, &go("p", first, 0, 7)).await);
    outbox(&store).lease_cursor("p", first, Duration::ZERO).await.expect("the lease is answered");
    later(&store).await;
    assert_eq!(cursor(&store, "p").await.expect("it is there").holder, None);
    assert_eq!(lease(&store, "p", second).await, Some(7));
    assert_eq!(lease(&store, "p", first).await, None);
}

/// However many ask at the same time, one gets it.
pub async fn one_of_many_concurrent_leases_of_a_cursor_wins(store: Arc<dyn Store>) {
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        asking.spawn(async move { lease(&store, "p", WorkerId::new()).await });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_some()).count(), 1, "{answers:?}");
}

/// A move by another than the holder, or from another place, changes nothing.
pub async fn a_cursor_moves_only_from_where_it_is_and_by_its_holder(store: Arc<dyn Store>) {
    let (holder, other) = (WorkerId::new(), WorkerId::new());
    assert!(!advance(&store, &go("p", holder, 0, 5)).await);
    assert_eq!(cursor(&store, "p").await, None);
    lease(&store, "p", holder).await;
    assert!(!advance(&store, &go("p", other, 0, 5)).await);
    assert!(!advance(&store, &go("p", holder, 1, 5)).await);
    // Beyond what a double can tell apart.
    let far = (1 << 60) + 1;
    assert!(advance(&store, &go("p", holder, 0, far)).await);
    assert!(!advance(&store, &go("p", holder, 0, 5)).await);
    assert!(!advance(&store, &go("p", holder, far - 1, far + 5)).await);
    assert!(advance(&store, &go("p", holder, far, far + 1)).await);
    assert_eq!(cursor(&store, "p").await.expect("it is there").position, far + 1);
    outbox(&store).release_cursor("p", holder).await.expect("the release is answered");
    assert!(!advance(&store, &go("p", holder, far + 1, far + 2)).await);
    assert_eq!(lease(&store, "p", other).await, Some(far + 1));
}

/// Dead letters are written with the move of the cursor that passes them.
pub async fn what_is_refused_is_recorded_with_the_move_or_not_at_all(store: Arc<dyn Store>) {
    let (holder, saga) = (WorkerId::new(), SagaId::new());
    lease(&store, "p", holder).await;
    let mut step = go("p", holder, 3, 9);
    step.refused = vec![refused(4, saga), refused(9, saga)];
    assert!(!advance(&store, &step).await);
    assert_eq!(letters(&store, "p", 0, Letters::All).await, []);
    step.from = 0;
    let before = store.ping().await.expect("the store is alive");
    assert!(advance(&store, &step).await);
    let kept = letters(&store, "p", 0, Letters::All).await;
    assert_eq!(kept.iter().map(|letter| letter.position).collect::<Vec<_>>(), [4, 9]);
    let first = &kept[0];
    assert_eq!((first.publisher.as_str(), first.saga, first.is_to_resend), ("p", saga, false));
    assert_eq!((first.event.as_str(), first.reason.as_str()), ("{\"at\":4}", "reason 4"));
    assert!(first.refused_at >= before);
    assert_eq!(cursor(&store, "p").await.expect("it is there").dead_letters, 2);
    assert_eq!(letters(&store, "q", 0, Letters::All).await, []);
}

/// Letters are sent again, refused again and removed one by one.
pub async fn dead_letters_are_read_in_order_and_changed_one_by_one(store: Arc<dyn Store>) {
    let (holder, saga) = (WorkerId::new(), SagaId::new());
    lease(&store, "p", holder).await;
    let mut step = go("p", holder, 0, 200);
    step.refused = vec![refused(100, saga), refused(9, saga), refused(20, saga)];
    assert!(advance(&store, &step).await);
    let positions = async |position: u64, which: Letters| {
        let letters = letters(&store, "p", position, which).await;
        letters.into_iter().map(|letter| letter.position).collect::<Vec<_>>()
    };
    assert_eq!(positions(0, Letters::All).await, [9, 20, 100]);
    assert_eq!(positions(9, Letters::All).await, [20, 100]);
    assert_eq!(positions(0, Letters::ToResend).await, [0; 0]);
    assert!(change(&store, "p", 20, &DeadLetterChange::Resend).await);
    assert!(change(&store, "p", 100, &DeadLetterChange::Resend).await);
    assert_eq!(positions(0, Letters::ToResend).await, [20, 100]);
    let again = DeadLetterChange::RefusedAgain { reason: "still not".to_owned() };
    assert!(change(&store, "p", 20, &again).await);
    assert_eq!(positions(0, Letters::ToResend).await, [100]);
    assert_eq!(letters(&store, "p", 9, Letters::All).await[0].reason, "still not");
    assert!(change(&store, "p", 100, &DeadLetterChange::Remove).await);
    assert!(!change(&store, "p", 100, &DeadLetterChange::Remove).await);
    assert!(!change(&store, "p", 21, &DeadLetterChange::Resend).await);
    assert!(!change(&store, "nobody", 20, &again).await);
    assert_eq!(positions(0, Letters::All).await, [9, 20]);
}

/// Whatever an event, a reason or a name says.
pub async fn odd_letters_are_kept_unchanged(store: Arc<dyn Store>) {
    let odd = "\"'\\ é e\u{301} 漢 🦀 \u{202e}\n%_:{}";
    let holder = WorkerId::new();
    lease(&store, odd, holder).await;
    let mut step = go(odd, holder, 0, 1);
    let (event, reason) = (format!("{odd}\u{0}"), format!("{odd}\u{0}"));
    step.refused =
        vec![RefusedEvent { position: 1, saga: SagaId::new(), event: event.clone(), reason: reason.clone() }];
    assert!(advance(&store, &step).await);
    let kept = letters(&store, odd, 0, Letters::All).await;
    assert_eq!((kept.len(), kept[0].publisher.as_str()), (1, odd));
    assert_eq!((&kept[0].event, &kept[0].reason), (&event, &reason));
    assert_eq!(cursor(&store, odd).await.expect("it is there").position, 1);
}

/// What a cursor has not passed is its lag: in entries, and by the time of the first.
pub async fn cursors_tell_how_far_behind_they_are(store: Arc<dyn Store>) {
    let holder = WorkerId::new();
    lease(&store, "p", holder).await;
    let status = cursor(&store, "p").await.expect("it is there");
    assert_eq!((status.position, status.behind, status.oldest_at), (0, 0, None));
    let saga = new().create(&store).await;
    let first = last_position(&store).await;
    let at = take(&store, &step(saga, 1)).await;
    take(&store, &step(saga, 2)).await;
    let status = cursor(&store, "p").await.expect("it is there");
    assert_eq!((status.behind, status.oldest_at), (3, Some(instance(&store, saga).await.created_at)));
    assert!(advance(&store, &go("p", holder, 0, first)).await);
    let status = cursor(&store, "p").await.expect("it is there");
    assert_eq!((status.behind, status.oldest_at), (2, Some(at)));
    assert!(advance(&store, &go("p", holder, first, last_position(&store).await)).await);
    assert_eq!(cursor(&store, "p").await.expect("it is there").behind, 0);
}

/// The journal is the outbox: a saga stays until all its entries are passed by all cursors.
pub async fn a_purge_takes_nothing_that_a_publisher_has_not_read(store: Arc<dyn Store>) {
    let holder = WorkerId::new();
    let read = ended(&store, new(), SagaState::Completed).await;
    let passed = last_position(&store).await;
    let half_read = new().create(&store).await;
    let half = last_position(&store).await;
    take(&store, &end(half_read, 1, SagaState::Completed)).await;
    let last = last_position(&store).await;
    lease(&store, "slow", holder).await;
    lease(&store, "quick", holder).await;
    assert!(advance(&store, &go("quick", holder, 0, last)).await);
    let purge = Purge { ended_before: later(&store).await, states: vec![SagaState::Completed], limit: 10 };
    assert_eq!(store.purge(&purge).await.expect("the purge is done"), 0);
    assert!(advance(&store, &go("slow", holder, 0, passed)).await);
    assert_eq!(store.purge(&purge).await.expect("the purge is done"), 1);
    assert_eq!(store.instance(read).await.expect("the saga is read"), None);
    assert!(advance(&store, &go("slow", holder, passed, half)).await);
    assert_eq!(store.purge(&purge).await.expect("the purge is done"), 0);
    assert_eq!(store.load(half_read).await.expect("the journal is read").len(), 2);
    // One that nobody moves any more is removed, and holds nothing.
    assert!(outbox(&store).remove_cursor("slow").await.expect("the removal is answered"));
    assert_eq!(store.purge(&purge).await.expect("the purge is done"), 1);
}

/// Nothing is left of a cursor that was removed; its name begins anew.
pub async fn a_removed_cursor_leaves_nothing_behind(store: Arc<dyn Store>) {
    let (holder, saga) = (WorkerId::new(), SagaId::new());
    assert!(!outbox(&store).remove_cursor("p").await.expect("the removal is answered"));
    lease(&store, "p", holder).await;
    let mut step = go("p", holder, 0, 9);
    step.refused = vec![refused(9, saga)];
    assert!(advance(&store, &step).await);
    assert!(outbox(&store).remove_cursor("p").await.expect("the removal is answered"));
    assert_eq!(cursor(&store, "p").await, None);
    assert_eq!(letters(&store, "p", 0, Letters::All).await, []);
    assert!(!advance(&store, &go("p", holder, 9, 10)).await);
    assert_eq!(lease(&store, "p", WorkerId::new()).await, Some(0));
}

/// Cursors are where they were, and nothing that was refused is forgotten.
pub async fn cursors_and_dead_letters_are_there_after_opening_again(place: &dyn StorePlace) {
    let (holder, saga) = (WorkerId::new(), SagaId::new());
    let store = place.open().await;
    lease(&store, "p", holder).await;
    let mut step = go("p", holder, 0, 9);
    step.refused = vec![refused(4, saga), refused(5, saga)];
    assert!(advance(&store, &step).await);
    assert!(change(&store, "p", 5, &DeadLetterChange::Resend).await);
    let before = letters(&store, "p", 0, Letters::All).await;
    outbox(&store).release_cursor("p", holder).await.expect("the release is answered");
    drop(store);
    let store = place.open().await;
    assert_eq!(letters(&store, "p", 0, Letters::All).await, before);
    assert_eq!(letters(&store, "p", 0, Letters::ToResend).await, before[1..]);
    assert_eq!(lease(&store, "p", WorkerId::new()).await, Some(9));
}
