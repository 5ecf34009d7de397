//! Group commit: while one batch is being written, the next gathers.
//!
//! There is no committer task and no timer. Whoever appends while nobody writes leads: it writes at once, without
//! a hop. Whoever appends meanwhile follows: it waits in the queue. A leader that is done answers its followers
//! and hands the lead to the first of those who came meanwhile, who writes all of them in one batch.

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
    pub(super) gathers: bool,
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
    is_led: bool,
    followers: Vec<Follower>,
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
        let gathers = store.traits().batches;
        Self {
            store,
            gathers,
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
            let answer = self.write_one(&append).await;
            return (Some(append), answer);
        }
        let told = {
            let mut queue = self.queue();
            if queue.is_led {
                let (tell, told) = oneshot::channel();
                queue.followers.push(Follower { append, tell });
                Err(told)
            } else {
                queue.is_led = true;
                Ok(append)
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
        let lead = Lead { committer: self };
        if self.was_shared.load(Ordering::Relaxed) {
            // Those who were answered with the last batch are about to append again: without this turn for them, each
            // batch of many would be followed by one of the fastest alone. Who is alone never comes here.
            tokio::task::yield_now().await;
        }
        let followers = {
            let mut queue = self.queue();
            let count = queue.followers.len().min(BATCH_MAX - 1);
            if count == queue.followers.len() {
                std::mem::take(&mut queue.followers)
            } else {
                queue.followers.drain(..count).collect()
            }
        };
        self.was_shared.store(!followers.is_empty(), Ordering::Relaxed);
        self.instruments.gathered(followers.len() + 1);
        if followers.is_empty() {
            let answer = self.write_one(&own).await;
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

    /// Writes `append` at once, with nothing else.
    pub(super) fn write_one<'a>(&'a self, append: &'a Append) -> impl Future<Output = Answer> + Send + 'a {
        self.count(1);
        self.instruments.timed(1, self.store.append_one(append))
    }

    async fn write(&self, batch: &[Append]) -> Vec<Answer> {
        self.count(batch.len());
        match self.instruments.timed(batch.len(), self.store.append(batch)).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => {
                // One error for all of them: each reads back for itself what became of its append.
                let text = error.to_string();
                batch.iter().map(|_| Err(StoreError::unavailable(text.clone()))).collect()
            }
        }
    }

    fn count(&self, appends: usize) {
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
            drop(Lead { committer: self.committer });
        }
    }
}

/// The right to write. Dropped, also in the middle of a write, it passes to the first who waits.
struct Lead<'a> {
    committer: &'a Committer,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.committer.queue();
        while !queue.followers.is_empty() {
            let Follower { append, tell } = queue.followers.remove(0);
            if tell.send(Told::Lead(append)).is_ok() {
                return;
            }
        }
        queue.is_led = false;
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
            drop(Lead { committer: &batching });
        }
        let next = tokio::time::timeout(Duration::from_secs(1), batching.append(append())).await;
        assert!(next.is_ok(), "nobody writes any more");
    }

    #[cfg(feature = "metrics")]
    #[test]
    fn the_size_of_each_commit_is_told_to_the_recorder() {
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
                drop(Lead { committer: &batching });
                _ = one.await;
                _ = other.await;
            });
        });
        let heard = recorder.snapshotter().snapshot().into_vec();
        let sizes = heard.into_iter().find(|(key, ..)| key.key().name() == "saga_commit_appends").unwrap().3;
        assert_eq!(sizes, DebugValue::Histogram(vec![1.0.into(), 2.0.into()]));
    }
}
