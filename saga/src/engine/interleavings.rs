//! The group commit in every order of a few threads: `.ci/run` says how this is run.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use loom::future::block_on;
use loom::thread;

use super::*;
use crate::machine::{Event, Record, Request, SagaStarted};
use crate::store::{
    Beat, BoxFuture, Claim, Counts, DefinitionKey, EventsAfter, HeadChange, Heartbeat, JournalEntry,
    JournalStore, Purge, QueryStore, SagaFilter, SagaInstance, SagaPage, StoreTraits, UnknownDefinition,
    WorkerLease,
};
use crate::{DefinitionShape, Labels, MemoryStore, Payload, SagaId, SagaState, WorkerId};

/// A store in memory whose commits take their time: other threads have their turn before, and after the effect.
struct Slow {
    memory: MemoryStore,
    batches_max: usize,
    turn: loom::sync::atomic::AtomicUsize,
}

impl Slow {
    fn let_others_in(&self) {
        self.turn.fetch_add(1, loom::sync::atomic::Ordering::SeqCst);
    }
}

#[rustfmt::skip]
impl JournalStore for Slow {
    fn name(&self) -> &'static str { "slow" }
    fn traits(&self) -> StoreTraits { StoreTraits::shared().with_batches_max(self.batches_max) }
    fn append<'a>(&'a self, batch: &'a [Append]) -> BoxFuture<'a, StoreResult<Vec<Result<Timestamp, Refusal>>>> {
        Box::pin(async move {
            self.let_others_in();
            // A commit may be waited for: a leader can be dropped here, with the batch written or not.
            yield_once().await;
            let answers = self.memory.append(batch).await;
            self.let_others_in();
            answers
        })
    }
    fn load(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<Record>>> { self.memory.load(saga) }
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, StoreResult<Vec<SagaId>>> { self.memory.claim(claim) }
    fn heartbeat<'a>(&'a self, beat: &'a Beat) -> BoxFuture<'a, StoreResult<Heartbeat>> { self.memory.heartbeat(beat) }
    fn retire(&self, worker: WorkerId) -> BoxFuture<'_, StoreResult<()>> { self.memory.retire(worker) }
    fn request<'a>(&'a self, saga: SagaId, request: &'a Request) -> BoxFuture<'a, StoreResult<Option<u64>>> { self.memory.request(saga, request) }
    fn requests(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Vec<(u64, Request)>>> { self.memory.requests(saga) }
}

#[rustfmt::skip]
impl QueryStore for Slow {
    fn instance(&self, saga: SagaId) -> BoxFuture<'_, StoreResult<Option<SagaInstance>>> { self.memory.instance(saga) }
    fn list<'a>(&'a self, filter: &'a SagaFilter) -> BoxFuture<'a, StoreResult<SagaPage>> { self.memory.list(filter) }
    fn events<'a>(&'a self, after: &'a EventsAfter) -> BoxFuture<'a, StoreResult<Vec<JournalEntry>>> { self.memory.events(after) }
    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> { self.memory.counts() }
    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, StoreResult<u64>> { self.memory.purge(purge) }
    fn ping(&self) -> BoxFuture<'_, StoreResult<Timestamp>> { self.memory.ping() }
    fn workers(&self) -> BoxFuture<'_, StoreResult<Vec<WorkerLease>>> { self.memory.workers() }
    fn unknown(&self) -> BoxFuture<'_, StoreResult<Vec<UnknownDefinition>>> { self.memory.unknown() }
    fn oldest_free(&self) -> BoxFuture<'_, StoreResult<Option<Timestamp>>> { self.memory.oldest_free() }
    fn describe<'a>(&'a self, shapes: &'a [DefinitionShape]) -> BoxFuture<'a, StoreResult<()>> { self.memory.describe(shapes) }
    fn shape<'a>(&'a self, key: &'a DefinitionKey) -> BoxFuture<'a, StoreResult<Option<DefinitionShape>>> { self.memory.shape(key) }
}

async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn start() -> Append {
    let started = SagaStarted {
        definition: "order".into(),
        version: 1,
        fingerprint: "0".parse().unwrap(),
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at: Timestamp::from_micros(0),
        deadline: None,
        owner: None,
        input: Payload::EMPTY,
    };
    let head = Some(HeadChange { state: SagaState::Running, owner: None, wake_at: None });
    let events = vec![Event::SagaStarted(Box::new(started))];
    Append { saga: SagaId::new(), expected: 0, events, head, answered: None }
}

fn committer(batches_max: usize) -> loom::sync::Arc<Committer> {
    let turn = loom::sync::atomic::AtomicUsize::new(0);
    loom::sync::Arc::new(Committer::new(Arc::new(Slow { memory: MemoryStore::new(), batches_max, turn })))
}

/// Appends, and finds durable what was acknowledged; whether it was.
async fn append(committer: &Committer) -> bool {
    let append = start();
    let saga = append.saga;
    let (handed_back, answer) = committer.append(append).await;
    let is_taken = matches!(answer, Ok(Ok(_)));
    let journal = committer.store.load(saga).await.unwrap();
    assert!(!is_taken || journal.len() == 1, "acknowledged before the commit");
    assert_eq!(handed_back.is_none(), answer.is_err(), "an answer without its append");
    is_taken
}

/// Runs `test` in every order of its threads with up to so many switches against a thread's will: three beside one
/// other thread; beside two, whose appends then share a batch, one. More of both take minutes. Each with one batch
/// under way at the same time, and with two.
fn every_order(test: impl Fn(usize, usize) + Copy + Sync + Send + 'static) {
    for (others, switches_max, batches_max) in [(1, 3, 1), (2, 1, 1), (1, 3, 2), (2, 1, 2)] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(switches_max);
        builder.check(move || test(others, batches_max));
    }
}

#[test]
fn each_append_is_answered_after_its_commit() {
    every_order(|others, batches_max| {
        let committer = committer(batches_max);
        let others: Vec<_> = (0..others)
            .map(|_| {
                let committer = loom::sync::Arc::clone(&committer);
                thread::spawn(move || assert!(block_on(append(&committer))))
            })
            .collect();
        assert!(block_on(append(&committer)));
        others.into_iter().for_each(|other| other.join().unwrap());
        let queue = committer.queue();
        assert!(!queue.is_led && queue.batches == 0 && queue.appends == 0, "somebody leads for ever");
    });
}

#[test]
fn a_leader_that_is_dropped_in_a_commit_leaves_nobody_waiting() {
    every_order(|others, batches_max| {
        let committer = committer(batches_max);
        let others: Vec<_> = (0..others)
            .map(|_| {
                let committer = loom::sync::Arc::clone(&committer);
                // One that was in the lost batch hears that nobody knows; others are written.
                thread::spawn(move || _ = block_on(append(&committer)))
            })
            .collect();
        {
            let mut dropped = pin!(append(&committer));
            _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(block_on(append(&committer)), "nobody writes any more");
    });
}
