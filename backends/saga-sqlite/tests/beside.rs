//! A file that is opened beside the process that drives its sagas, and what a coordinator deletes from one.

mod common;

use std::time::Duration;

use common::{Directory, new_saga, take};
use saga::machine::{Event, Request, SagaState};
use saga::policy::{keep_for, millis};
use saga::store::{
    Append, Beat, Claim, EventsAfter, HeadChange, JournalStore, Purge, QueryStore, SagaFilter,
};
use saga::{Coordinator, StepError, StoreError, Timestamp, WorkerId, saga, step};
use saga_sqlite::{SqliteOptions, SqliteStore};

/// A saga that has ended, in an open file.
async fn ended(store: &SqliteStore) -> Append {
    let saga = new_saga();
    take(store, &saga).await;
    let event = Event::Ended { state: SagaState::Completed, not_undone: Vec::new() };
    let head = HeadChange { state: SagaState::Completed, owner: None, wake_at: None };
    take(
        store,
        &Append { saga: saga.saga, expected: 1, events: vec![event], head: Some(head), answered: None },
    )
    .await;
    saga
}

#[tokio::test]
async fn beside_its_owner_a_file_is_read_and_asked_and_nothing_is_driven() {
    let directory = Directory::new();
    let owner = SqliteStore::open(directory.file()).await.unwrap();
    let saga = new_saga();
    take(&owner, &saga).await;
    owner.heartbeat(&Beat::new(WorkerId::new(), Duration::from_mins(1))).await.unwrap();

    let beside = SqliteOptions::new(directory.file()).beside().open().await.unwrap();
    assert_eq!(beside.load(saga.saga).await.unwrap().len(), 1);
    assert_eq!(beside.list(&SagaFilter::new()).await.unwrap().sagas.len(), 1);
    assert_eq!(beside.workers().await.unwrap().len(), 1, "a lease of the owner is still there");

    let request = Request::Cancel { reason: "enough".to_owned() };
    let number = beside.request(saga.saga, &request).await.unwrap();
    assert_eq!(owner.requests(saga.saga).await.unwrap(), [(number.unwrap(), request)]);

    let claim = Claim { worker: WorkerId::new(), definitions: None, limit: 1 };
    let refused = [
        beside.append_one(&new_saga()).await.map(|_| ()),
        beside.append(&[new_saga()]).await.map(|_| ()),
        beside.claim(&claim).await.map(|_| ()),
        beside.heartbeat(&Beat::new(claim.worker, Duration::from_secs(1))).await.map(|_| ()),
    ];
    for answer in refused {
        assert!(matches!(answer, Err(StoreError::InUse { .. })), "{answer:?}");
    }
    // The owner goes on as if nobody else were there.
    take(&owner, &new_saga()).await;
}

#[tokio::test]
async fn what_is_purged_beside_the_owner_gives_no_position_free() {
    let directory = Directory::new();
    let owner = SqliteStore::open(directory.file()).await.unwrap();
    ended(&owner).await;
    let last = owner.events(&EventsAfter { position: 0, limit: 9 }).await.unwrap().last().unwrap().position;
    let beside = SqliteOptions::new(directory.file()).beside().open().await.unwrap();
    let all =
        Purge { ended_before: Timestamp::from_micros(i64::MAX), states: SagaState::ALL.to_vec(), limit: 9 };
    assert_eq!(beside.purge(&all).await.unwrap(), 1);
    // Neither by the owner, nor by the one after it.
    take(&owner, &new_saga()).await;
    drop((owner, beside));
    let next = SqliteStore::open(directory.file()).await.unwrap();
    let beside = SqliteOptions::new(directory.file()).beside().open().await.unwrap();
    ended(&next).await;
    assert_eq!(beside.purge(&all).await.unwrap(), 1);
    drop((next, beside));
    let last_owner = SqliteStore::open(directory.file()).await.unwrap();
    let saga = new_saga();
    take(&last_owner, &saga).await;
    let entries = last_owner.events(&EventsAfter { position: last, limit: 9 }).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries[1].saga == saga.saga && entries[1].position >= last + 4, "{entries:?}");
}

/// Ends at once.
#[saga(steps(greet))]
struct Greeting;

#[step(compensate = none)]
async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> {
    Ok(format!("hello {name}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_deletes_what_ended_long_enough_ago() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    let waiting = new_saga();
    let head = HeadChange { wake_at: Some(Timestamp::from_micros(i64::MAX / 2)), ..waiting.head.unwrap() };
    let waiting = Append { head: Some(head), ..waiting };
    take(&store, &waiting).await;
    let retention = keep_for(millis(1)).every(millis(10));
    let coordinator = Coordinator::builder(store).saga(Greeting).retention(retention).build().await.unwrap();
    for _ in 0..10 {
        coordinator.start::<Greeting>("Ada".to_owned()).await.unwrap().outcome().await.ok();
    }
    // Bounded by the test's own harness; nothing is timed.
    loop {
        let left = coordinator.list(SagaFilter::new()).await.unwrap().sagas;
        assert!(left.iter().any(|saga| saga.id == waiting.saga), "one that has not ended is gone");
        if left.len() == 1 {
            break;
        }
        tokio::task::yield_now().await;
    }
    coordinator.shutdown().await;
}
