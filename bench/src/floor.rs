//! The floor: tasks that send the rows of sagas to the same driver in batches, with no saga around them.
//!
//! Each task sends five writes one after the other, as a saga has five appends, and waits for each one's commit.
//! Whatever has come while one commit was under way shares the next. How a batch is written is the database's own part.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{mpsc, oneshot};

/// One append of one saga, and who waits for its commit.
#[derive(Debug)]
pub struct Job {
    /// The saga's id.
    pub id: [u8; 16],
    /// The saga's number among all of this floor, from 2.
    pub number: i64,
    /// Which of its five appends.
    pub append: usize,
    committed: oneshot::Sender<()>,
}

impl Job {
    /// Tells the task that waits.
    pub fn is_committed(self) {
        // The task may be gone with the runtime.
        _ = self.committed.send(());
    }
}

/// A row of the journal of a saga that was driven before.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the saga's journal.
    pub sequence: i64,
    /// The event.
    pub event: String,
    /// The input or output.
    pub payload: Option<Vec<u8>>,
}

/// The entries of one saga with four steps, as its five appends wrote them: the last has the end with it.
#[must_use]
pub fn appends(mut entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    assert_eq!(entries.len(), 6, "a start, four steps, an end");
    let end = entries.pop().expect("six entries");
    let mut appends: Vec<Vec<Entry>> = entries.into_iter().map(|entry| vec![entry]).collect();
    appends[4].push(end);
    appends
}

/// The tasks' side of a floor.
#[derive(Debug)]
pub struct Floor {
    jobs: mpsc::UnboundedSender<Job>,
    next: Arc<AtomicI64>,
}

impl Floor {
    /// A floor, and what its writer reads.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        (Self { jobs, next: Arc::new(2.into()) }, queue)
    }

    /// `units` sagas' rows, from so many tasks.
    pub async fn write(&self, tasks: u32, units: u32) {
        let task = |_| {
            let (jobs, next) = (self.jobs.clone(), Arc::clone(&self.next));
            tokio::spawn(async move {
                for _ in 0..units / tasks {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let id = *saga::SagaId::new().as_bytes();
                    for append in 0..5 {
                        let (committed, commit) = oneshot::channel();
                        let job = Job { id, number, append, committed };
                        assert!(jobs.send(job).is_ok(), "the writer is there");
                        commit.await.expect("a commit");
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..tasks).map(task).collect();
        for task in tasks {
            task.await.expect("a task");
        }
    }
}
