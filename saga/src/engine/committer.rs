//! Group commit: while one batch is being written, the next gathers.
//!
//! There is no committer task and no timer. Whoever appends while nobody writes leads: it writes at once, without
//! a hop. Whoever appends meanwhile follows: it waits in the queue. A leader that is done answers its followers
//! and hands the lead to the first of those who came meanwhile, who writes all of them in one batch.
//!
//! Where the store says so, more than one batch is under way: a disk has something to do while the next batch is
//! sent and looked at. The next one begins before the last is through as soon as it is as large, and no sooner, for
//! many small batches cost more than a few large ones.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::sync::{Mutex, MutexGuard, oneshot};
use crate::Timestamp;
use crate::instruments::Commits;
use crate::store::{Append, Refusal, Store, StoreError, StoreResult};

/// What the store said to one append.
pub(crate) type Answer = StoreResult<Result<Timestamp, Refusal>>;

/// The one who writes the appends of all sagas of a coordinator.
pub(crate) struct Committer {
    store: Arc<dyn Store>,
    /// Whether the appends of many sagas share a commit; else each is written at once.
    pub(crate) gathers: bool,
    /// As many batches are under way at the same time.
    batches_max: usize,
    queue: Mutex<Queue>,
    /// Whether the last batch was of more than one append.
    was_shared: AtomicBool,
    stats: CommitStats,
    instruments: Commits,
}

/// What has been written so far.
#[derive(Debug, Default)]
pub(crate) struct CommitStats {
    /// Appends handed to the store.
    pub(crate) appends: AtomicU64,
    /// Commits, each of one batch.
    pub(crate) commits: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// Whether somebody leads who has not taken a batch yet.
    is_led: bool,
    /// Batches that are being written, and the appends in them.
    batches: usize,
    appends: usize,
    followers: Vec<Follower>,
}

impl Queue {
    /// Whether one more append is better led than put off.
    const fn takes_a_leader(&self, batches_max: usize) -> bool {
        let is_worth_it = self.batches < batches_max && self.followers.len() + 1 >= self.appends;
        !self.is_led && (self.batches == 0 || is_worth_it)
    }
}

struct Follower {
    append: Append,
    tell: oneshot::Sender<Told>,
}

/// What a follower hears. It hears nothing where its leader was dropped in the middle of a write: then nobody
/// knows what came of it.
enum Told {
    Answer(Append, Answer),
    Lead(Append),
}

/// The most appends in one batch.
const BATCH_MAX: usize = 1_024;

impl Committer {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let traits = store.traits();
        Self {
            store,
            gathers: traits.batches,
            batches_max: traits.batches_max,
            queue: Mutex::default(),
            was_shared: AtomicBool::new(false),
            stats: CommitStats::default(),
            instruments: Commits::new(),
        }
    }

    pub(crate) const fn stats(&self) -> &CommitStats {
        &self.stats
    }

    /// Writes `append`, and hands it back with the store's answer, which comes only after the commit. `None` for
    /// the append: it is lost with its leader, and the answer says that the outcome is unknown.
    pub(crate) async fn append(&self, append: Append) -> (Option<Append>, Answer) {
        if !self.gathers {
            let answer = self.write_at_once(&append).await;
            return (Some(append), answer);
        }
        let told = {
            let mut queue = self.queue();
            if queue.takes_a_leader(self.batches_max) {
                queue.is_led = true;
                Ok(append)
            } else {
                let (tell, told) = oneshot::channel();
                queue.followers.push(Follower { append, tell });
                Err(told)
            }
        };
        match told {
            Ok(append) => self.lead(append).await,
            Err(told) => match (Following { committer: self, told }).heard().await {
                Ok(Told::Answer(append, answer)) => (Some(append), answer),
                Ok(Told::Lead(append)) => self.lead(append).await,
                Err(_) => (
                    None,
                    Err(StoreError::unavailable("the commit's leader was dropped before it had an answer")),
                ),
            },
        }
    }

    /// Writes `own` and what has gathered, then passes the lead on.
    async fn lead(&self, own: Append) -> (Option<Append>, Answer) {
        let mut lead = Lead { committer: self, batch: None };
        if self.was_shared.load(Ordering::Relaxed) {
            // Those who were answered with the last batch are about to append again: without this turn for them, each
            // batch of many would be followed by one of the fastest alone. Who is alone never comes here.
            tokio::task::yield_now().await;
        }
        let followers = {
            let mut queue = self.queue();
            let count = queue.followers.len().min(BATCH_MAX - 1);
            lead.takes(&mut queue, count + 1);
            if count == queue.followers.len() {
                std::mem::take(&mut queue.followers)
            } else {
                queue.followers.drain(..count).collect()
            }
        };
        self.was_shared.store(!followers.is_empty(), Ordering::Relaxed);
        self.instruments.gathered(followers.len() + 1);
        if followers.is_empty() {
            self.count(1);
            let answer = self.instruments.timed(self.store.append_one(&own)).await;
            drop(lead);
            return (Some(own), answer);
        }
        let mut batch = Vec::with_capacity(followers.len() + 1);
        let mut tells = Vec::with_capacity(followers.len());
        batch.push(own);
        for Follower { append, tell } in followers {
            batch.push(append);
            tells.push(tell);
        }
        let mut answers = self.write(&batch).await.into_iter();
        // The next batch begins before this one's followers wake up.
        drop(lead);
        let mut missing = || Err(StoreError::broken("an append of a batch got no answer"));
        let own_answer = answers.next().unwrap_or_else(&mut missing);
        let mut appends = batch.into_iter();
        let own = appends.next();
        for (append, tell) in appends.zip(tells) {
            let answer = answers.next().unwrap_or_else(&mut missing);
            // Nobody listens where the follower was dropped: its saga is not driven any more.
            _ = tell.send(Told::Answer(append, answer));
        }
        (own, own_answer)
    }

    /// Writes `append` to a store that gathers none: its commits cost nothing, and nobody takes their time.
    pub(super) fn write_at_once<'a>(
        &'a self,
        append: &'a Append,
    ) -> impl Future<Output = Answer> + Send + 'a {
        self.count(1);
        self.store.append_one(append)
    }

    async fn write(&self, batch: &[Append]) -> Vec<Answer> {
        self.count(batch.len());
        match self.instruments.timed(self.store.append(batch)).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => {
                // One error for all of them: each reads back for itself what became of its append.
                let text = error.to_string();
                batch.iter().map(|_| Err(StoreError::unavailable(text.clone()))).collect()
            }
        }
    }

    fn count(&self, appends: usize) {
        self.instruments.count(appends);
        self.stats.appends.fetch_add(appends as u64, Ordering::Relaxed);
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// A panic cannot leave the queue half changed: nothing panics while it is held.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait in the queue. One that is dropped after it was given the lead, and before it heard so, passes it on.
struct Following<'a> {
    committer: &'a Committer,
    told: oneshot::Receiver<Told>,
}

impl Following<'_> {
    async fn heard(mut self) -> Result<Told, oneshot::error::RecvError> {
        (&mut self.told).await
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.told.close();
        if let Ok(Told::Lead(_)) = self.told.try_recv() {
            drop(Lead { committer: self.committer, batch: None });
        }
    }
}

/// The right to write a batch. Dropped, also in the middle of the write, it passes to the first who waits.
struct Lead<'a> {
    committer: &'a Committer,
    /// How many appends are being written; `None` before they are taken from the queue.
    batch: Option<usize>,
}

impl Lead<'_> {
    /// From here on this batch is written, and others gather for the next.
    fn takes(&mut self, queue: &mut Queue, appends: usize) {
        self.batch = Some(appends);
        queue.is_led = false;
        queue.batches += 1;
        queue.appends += appends;
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.committer.queue();
        match self.batch {
            None => queue.is_led = false,
            Some(appends) => {
                queue.batches -= 1;
                queue.appends -= appends;
            }
        }
        while !queue.is_led && !queue.followers.is_empty() {
            let Follower { append, tell } = queue.followers.remove(0);
            queue.is_led = tell.send(Told::Lead(append)).is_ok();
        }
    }
}

#[cfg(all(test, saga_loom))]
#[path = "interleavings.rs"]
mod interleavings;

#[cfg(all(test, not(saga_loom)))]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;
    use crate::{MemoryStore, SagaId};

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_goes_away_passes_the_lead_on() {
        let batching = Committer { gathers: true, ..Committer::new(Arc::new(MemoryStore::new())) };
        let append =
            || Append { saga: SagaId::new(), expected: 1, events: Vec::new(), head: None, answered: None };
        // Somebody writes, another waits, is given the lead, and is dropped before it hears so.
        batching.queue().is_led = true;
        {
            let mut follower = pin!(batching.append(append()));
            assert!(follower.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(Lead { committer: &batching, batch: None });
        }
        let next = tokio::time::timeout(Duration::from_secs(1), batching.append(append())).await;
        assert!(next.is_ok(), "nobody writes any more");
    }

    #[test]
    fn the_next_batch_begins_before_the_last_is_through_once_it_is_as_large() {
        let mut queue = Queue { batches: 1, appends: 3, ..Queue::default() };
        let mut takes_a_leader_with = |followers: usize, batches_max: usize| {
            queue.followers.truncate(0);
            for _ in 0..followers {
                let append = Append {
                    saga: SagaId::new(),
                    expected: 1,
                    events: Vec::new(),
                    head: None,
                    answered: None,
                };
                queue.followers.push(Follower { append, tell: oneshot::channel().0 });
            }
            queue.takes_a_leader(batches_max)
        };
        assert!(!takes_a_leader_with(1, 2), "two are fewer than three");
        assert!(takes_a_leader_with(2, 2));
        assert!(!takes_a_leader_with(2, 1), "one batch at a time");
        queue.is_led = true;
        assert!(!queue.takes_a_leader(2), "whoever leads takes all");
    }

    #[cfg(feature = "metrics")]
    #[test]
    fn size_and_time_of_each_commit_are_told_to_the_recorder() {
        use metrics_util::debugging::{DebugValue, DebuggingRecorder};

        let recorder = DebuggingRecorder::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            let batching = Committer { gathers: true, ..Committer::new(Arc::new(MemoryStore::new())) };
            let append = || Append {
                saga: SagaId::new(),
                expected: 1,
                events: Vec::new(),
                head: None,
                answered: None,
            };
            runtime.block_on(async {
                _ = batching.append(append()).await;
                // Somebody writes, two wait, and the first of them writes for both.
                batching.queue().is_led = true;
                let (mut one, mut other) = (pin!(batching.append(append())), pin!(batching.append(append())));
                let mut cx = Context::from_waker(Waker::noop());
                assert!(one.as_mut().poll(&mut cx).is_pending() && other.as_mut().poll(&mut cx).is_pending());
                drop(Lead { committer: &batching, batch: None });
                _ = one.await;
                _ = other.await;
            });
        });
        let heard = recorder.snapshotter().snapshot().into_vec();
        let of = |name| &heard.iter().find(|(key, ..)| key.key().name() == name).unwrap().3;
        assert_eq!(of("saga_commit_appends"), &DebugValue::Histogram(vec![1.0.into(), 2.0.into()]));
        let DebugValue::Histogram(times) = of("saga_commit_duration_seconds") else { panic!("no histogram") };
        assert_eq!(times.len(), 2);
    }
}
