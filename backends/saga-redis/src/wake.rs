//! Wake-ups between processes, by a sharded channel: gathered, and sent outside of every append.
//!
//! One process sends at most one message in [`INTERVAL`], over a connection that no append waits for. A message that is
//! lost costs nothing but time: what it told is found by polling.

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{PushInfo, PushKind};
use saga::store::{WakeUpSender, WakeUps};
use saga::{StoreError, WorkerId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::link::{Kind, Link};
use crate::script::Call;

/// Between two messages of one process.
const INTERVAL: Duration = Duration::from_millis(50);

/// Between two tries to listen: from this, doubled, up to the other.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// After so long a silence it is asked whether the server is still there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// As many owners are told of in one message; the others hear with their next heartbeat.
const OWNERS_MAX: usize = 256;

/// What says that there may be sagas to claim. Any other word is the owner whose sagas have requests.
const WORK: &str = "work";

/// The wake-ups of one store. Dropped, nothing is sent or heard any more.
#[derive(Debug)]
pub(crate) struct Wakes {
    shared: Arc<Shared>,
    heard: WakeUps,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// In the slot of the first partition.
    channel: String,
    /// What is to be sent.
    outgoing: Mutex<BTreeSet<String>>,
    is_outgoing: Notify,
    /// The workers that beat through this store.
    workers: Mutex<HashSet<WorkerId>>,
}

impl Wakes {
    /// Sends, and listens over a connection of its own.
    pub(crate) fn begin(link: &Arc<Link>, channel: String) -> Self {
        let shared = Arc::new(Shared {
            channel,
            outgoing: Mutex::default(),
            is_outgoing: Notify::new(),
            workers: Mutex::default(),
        });
        let sender = WakeUpSender::new();
        let heard = sender.wake_ups();
        let mut tasks = JoinSet::new();
        tasks.spawn(send(Arc::clone(link), Arc::clone(&shared)));
        tasks.spawn(hear(Arc::clone(link), Arc::clone(&shared), sender));
        Self { shared, heard, _tasks: tasks }
    }

    /// All that is heard from when the store was opened.
    pub(crate) fn heard(&self) -> WakeUps {
        self.heard.clone()
    }

    /// Tells all that there may be sagas to claim.
    pub(crate) fn work(&self) {
        self.tell(WORK.to_owned());
    }

    /// Tells the owner that one of its sagas has a request.
    pub(crate) fn request(&self, owner: WorkerId) {
        self.tell(owner.to_string());
    }

    pub(crate) fn enter(&self, worker: WorkerId) {
        lock(&self.shared.workers).insert(worker);
    }

    pub(crate) fn leave(&self, worker: WorkerId) {
        lock(&self.shared.workers).remove(&worker);
    }

    fn tell(&self, what: String) {
        let mut outgoing = lock(&self.shared.outgoing);
        if outgoing.len() < OWNERS_MAX {
            outgoing.insert(what);
        }
        drop(outgoing);
        self.shared.is_outgoing.notify_one();
    }
}

impl Shared {
    /// What one message says.
    fn take(&self, words: &str, heard: &WakeUpSender) {
        for word in words.split(' ') {
            if word == WORK {
                heard.work();
            } else if word.parse().is_ok_and(|owner: WorkerId| lock(&self.workers).contains(&owner)) {
                heard.requests();
            }
        }
    }
}

async fn send(link: Arc<Link>, shared: Arc<Shared>) {
    loop {
        shared.is_outgoing.notified().await;
        let outgoing: Vec<String> = std::mem::take(&mut *lock(&shared.outgoing)).into_iter().collect();
        if outgoing.is_empty() {
            continue;
        }
        let call = Call::command(0, "SPUBLISH").with(&shared.channel).with(outgoing.join(" "));
        if let Err(error) = link.call(&call, Kind::Read).await {
            tracing::debug!(%error, "a wake-up was not sent; it is found by polling");
        }
        sleep(INTERVAL).await;
    }
}

/// Listens for as long as the store lives.
async fn hear(link: Arc<Link>, shared: Arc<Shared>, heard: WakeUpSender) {
    let mut delay = BACKOFF.0;
    let mut is_told = false;
    loop {
        match listen(&link, &shared, &heard).await {
            Ok(()) => delay = BACKOFF.0,
            // It doesn't mend itself, and is no reason not to work.
            Err(error @ StoreError::Unusable { .. }) if !is_told => {
                is_told = true;
                tracing::warn!(%error, "Redis: wake-ups are not heard, all is found by polling");
            }
            Err(error) => tracing::debug!(%error, ?delay, "wake-ups are not heard"),
        }
        sleep(delay).await;
        delay = delay.saturating_mul(2).min(BACKOFF.1);
        // The channel may be on another node by now.
        link.refresh().await;
    }
}

/// Listens until the connection ends.
async fn listen(link: &Link, shared: &Arc<Shared>, heard: &WakeUpSender) -> Result<(), StoreError> {
    let is_over = Arc::new(Notify::new());
    let push = {
        let (shared, heard, is_over) = (Arc::clone(shared), heard.clone(), Arc::clone(&is_over));
        move |push: PushInfo| {
            match push.kind {
                PushKind::SMessage => {
                    if let Some(words) =
                        push.data.last().and_then(|words| redis::from_redis_value_ref(words).ok())
                    {
                        let words: String = words;
                        shared.take(&words, &heard);
                    }
                }
                // The slot has moved, or the connection is gone.
                PushKind::SUnsubscribe | PushKind::Disconnection => is_over.notify_one(),
                _ => {}
            }
            Ok::<(), Infallible>(())
        }
    };
    let listener = link.subscribe(&shared.channel, push).await?;
    // What was told before was not heard.
    heard.all();
    while timeout(SILENCE_MAX, is_over.notified()).await.is_err() {
        if listener.ping().await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Nothing panics while one of these is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
