//! Laws of requests: what somebody asks of a saga reaches its owner, and is answered once.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{append, end, ended, new, step, take, worker};
use crate::machine::{Request, SagaState};
use crate::policy::hours;
use crate::store::{Beat, Refusal, Store};
use crate::{SagaId, WorkerId};

fn cancel(reason: &str) -> Request {
    Request::Cancel { reason: reason.to_owned() }
}

async fn request(store: &Arc<dyn Store>, saga: SagaId, request: &Request) -> Option<u64> {
    store.request(saga, request).await.expect("the request is answered")
}

async fn requests(store: &Arc<dyn Store>, saga: SagaId) -> Vec<(u64, Request)> {
    store.requests(saga).await.expect("the requests are read")
}

/// Requests have growing numbers, and an append that answers up to one of them leaves the later ones.
pub async fn requests_are_kept_in_order_until_they_are_answered(store: Arc<dyn Store>) {
    let (id, other) = (new().create(&store).await, new().create(&store).await);
    let mut numbers = Vec::new();
    for reason in ["a", "b", "c"] {
        numbers.push(request(&store, id, &cancel(reason)).await.expect("the saga is there"));
        request(&store, other, &Request::Retry).await;
    }
    assert!(numbers.is_sorted_by(|before, after| before < after));
    let asked = requests(&store, id).await;
    let reasons = ["a", "b", "c"].map(cancel);
    assert!(asked.iter().map(|(number, _)| number).eq(&numbers));
    assert!(asked.iter().map(|(_, request)| request).eq(&reasons));

    let mut answer = step(id, 1);
    answer.answered = Some(numbers[1]);
    take(&store, &answer).await;
    assert_eq!(requests(&store, id).await, [(numbers[2], cancel("c"))]);
    assert_eq!(requests(&store, other).await.len(), 3);

    // A number is not given again: what is answered later is not what was answered before.
    let mut answer = step(id, 2);
    answer.answered = Some(numbers[2]);
    take(&store, &answer).await;
    assert!(request(&store, id, &Request::Retry).await > Some(numbers[2]));
}

/// Whatever a request says, it says when it is read back.
pub async fn requests_of_all_kinds_are_read_back_unchanged(store: Arc<dyn Store>) {
    let odd = || "\u{0}\"'\\ é e\u{301} 🦀".to_owned();
    let all = [
        cancel(&odd()),
        Request::Retry,
        Request::Skip { step: odd(), note: odd() },
        Request::Supply { step: odd(), output: (0..=u8::MAX).collect(), note: String::new() },
        Request::Abandon { note: odd() },
    ];
    let id = new().state(SagaState::Stuck).create(&store).await;
    for asked in &all {
        request(&store, id, asked).await.expect("the saga is there");
    }
    assert!(requests(&store, id).await.iter().map(|(_, request)| request).eq(&all));
}

/// Where nobody will ever answer, the asker learns it.
pub async fn a_request_for_no_saga_or_an_ended_one_is_refused(store: Arc<dyn Store>) {
    assert_eq!(request(&store, SagaId::new(), &Request::Retry).await, None);
    let id = ended(&store, new(), SagaState::Cancelled).await;
    assert_eq!(request(&store, id, &Request::Retry).await, None);
    assert!(requests(&store, id).await.is_empty());
}

/// An append that conflicts answers no request.
pub async fn a_refused_append_answers_nothing(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    let number = request(&store, id, &Request::Retry).await;
    let mut refused = step(id, 2);
    refused.answered = number;
    assert_eq!(append(&store, &refused).await, Err(Refusal::Conflict));
    assert_eq!(requests(&store, id).await.len(), 1);
}

/// A request that came too late is gone with the end of its saga.
pub async fn the_end_of_a_saga_ends_its_requests(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    request(&store, id, &Request::Retry).await;
    take(&store, &end(id, 1, SagaState::Completed)).await;
    assert!(requests(&store, id).await.is_empty());
}

/// A heartbeat tells its worker which of its own sagas have requests that are not answered.
pub async fn a_heartbeat_tells_of_the_workers_requested_sagas(store: Arc<dyn Store>) {
    let (owner, other) = (worker(&store).await, worker(&store).await);
    let (first, second) = (new().owner(owner).create(&store).await, new().owner(owner).create(&store).await);
    let (foreign, free) = (new().owner(other).create(&store).await, new().create(&store).await);
    new().owner(owner).create(&store).await;
    let mut number = None;
    for id in [first, first, second, foreign, free] {
        number = number.max(request(&store, id, &Request::Retry).await);
    }
    let requested = async |worker: WorkerId| {
        let beat = store.heartbeat(&Beat::new(worker, hours(1))).await.expect("the heartbeat is taken");
        let requested: HashSet<SagaId> = beat.requested.iter().copied().collect();
        assert_eq!(requested.len(), beat.requested.len(), "each is told once");
        requested
    };
    assert_eq!(requested(owner).await, HashSet::from([first, second]));
    assert_eq!(requested(other).await, HashSet::from([foreign]));
    let mut answer = step(first, 1);
    answer.answered = number;
    take(&store, &answer).await;
    assert_eq!(requested(owner).await, HashSet::from([second]));
    // One that is claimed with its requests is told of too.
    store.retire(other).await.expect("the worker retires");
    let next = worker(&store).await;
    assert_eq!(super::sample::claim(&store, next, 10).await.len(), 2);
    assert_eq!(requested(next).await, HashSet::from([foreign, free]));
}
