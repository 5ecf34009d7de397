//! The memory store keeps the laws of stores, and its own promises.

#![cfg(feature = "testing")]

use saga::MemoryStore;

saga::testing::store_tests!(|| async { MemoryStore::new() });

mod keeping {
    use std::borrow::Cow;

    use saga::machine::{Event, SagaStarted, SagaState};
    use saga::store::{Append, HeadChange, JournalStore, QueryStore};
    use saga::{MemoryStore, Payload, SagaId, Timestamp};

    async fn end(store: &MemoryStore, state: SagaState) -> SagaId {
        let saga = SagaId::new();
        let started = SagaStarted {
            definition: Cow::Borrowed("order"),
            version: 1,
            fingerprint: "0".parse().unwrap(),
            codec: Cow::Borrowed("json"),
            labels: saga::Labels::new(),
            key: Some(saga.to_string()),
            start_at: Timestamp::from_micros(0),
            deadline: None,
            owner: None,
            input: Payload::EMPTY,
        };
        let append = Append {
            saga,
            expected: 0,
            events: vec![Event::SagaStarted(Box::new(started)), Event::Ended { state, not_undone: vec![] }],
            head: Some(HeadChange { state, owner: None, wake_at: None }),
            answered: None,
        };
        store.append_one(&append).await.unwrap().unwrap();
        saga
    }

    #[tokio::test]
    async fn the_latest_ended_sagas_are_kept_and_no_more() {
        let store = MemoryStore::new().keep_ended(10);
        let mut ended = Vec::new();
        for _ in 0..200 {
            ended.push(end(&store, SagaState::Completed).await);
        }
        for (index, saga) in ended.iter().enumerate() {
            let is_kept = store.instance(*saga).await.unwrap().is_some();
            assert_eq!(is_kept, index >= 190, "saga {index} of 200");
        }
    }

    #[tokio::test]
    async fn nothing_is_left_of_an_ended_saga_where_none_are_kept() {
        let store = MemoryStore::new().keep_ended(0);
        let saga = end(&store, SagaState::Completed).await;
        assert_eq!(store.instance(saga).await.unwrap(), None);
        assert!(store.load(saga).await.unwrap().is_empty());
        assert!(store.counts().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_was_purged_takes_no_place_of_others() {
        let store = MemoryStore::new().keep_ended(2);
        let first = end(&store, SagaState::Completed).await;
        end(&store, SagaState::Failed).await;
        let ended_before = Timestamp::from_micros(i64::MAX);
        let purge = saga::store::Purge { ended_before, states: vec![SagaState::Failed], limit: 2 };
        assert_eq!(store.purge(&purge).await.unwrap(), 1);
        let second = end(&store, SagaState::Completed).await;
        for saga in [first, second] {
            assert!(store.instance(saga).await.unwrap().is_some());
        }
    }
}
