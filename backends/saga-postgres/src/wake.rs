//! Wake-ups between processes, by `NOTIFY`: gathered, and sent outside of every append's transaction.
//!
//! A transaction that notifies takes a lock of the whole server as it commits. So one process sends at most one
//! notification in [`INTERVAL`], in a transaction of its own; what is lost is found by polling.

use std::collections::{BTreeSet, HashSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use saga::WorkerId;
use saga::store::{WakeUpSender, WakeUps};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Config};

use crate::connect::{Listening, listening};
use crate::database::{Database, Repeat};
use crate::options::PostgresOptions;

/// Between two notifications of one process.
const INTERVAL: Duration = Duration::from_millis(50);

/// Between two tries to listen: from this, doubled, up to the other.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// As many owners are told by one notification; the others hear with their next heartbeat.
const OWNERS_MAX: usize = 256;

/// What says that there may be sagas to claim. Any other payload is the owner whose sagas have requests.
pub(crate) const WORK: &str = "work";

/// The wake-ups of one store. Dropped, nothing is sent or heard any more.
#[derive(Debug)]
pub(crate) struct Wakes {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    channel: String,
    /// What is to be sent.
    outgoing: Mutex<BTreeSet<String>>,
    is_outgoing: Notify,
    /// The workers that beat through this store.
    workers: Mutex<HashSet<WorkerId>>,
}

impl Wakes {
    /// Sends, and listens over a connection of its own to `config`.
    pub(crate) fn begin(
        database: &Arc<Database>,
        options: &PostgresOptions,
        config: Config,
    ) -> (Self, WakeUps) {
        let shared = Arc::new(Shared {
            channel: channel(&database.schema),
            outgoing: Mutex::default(),
            is_outgoing: Notify::new(),
            workers: Mutex::default(),
        });
        let heard = WakeUpSender::new();
        let wake_ups = heard.wake_ups();
        let mut tasks = JoinSet::new();
        tasks.spawn(send(Arc::clone(database), Arc::clone(&shared)));
        tasks.spawn(hear(config, options.clone(), Arc::clone(&shared), heard));
        (Self { shared, _tasks: tasks }, wake_ups)
    }

    /// Tells all that there may be sagas to claim.
    pub(crate) fn work(&self) {
        self.tell(WORK.to_owned());
    }

    /// Tells the owner that one of its sagas has a request.
    pub(crate) fn request(&self, owner: WorkerId) {
        self.tell(owner.to_string());
    }

    /// Where they are told, for a statement that tells by itself.
    pub(crate) fn channel(&self) -> &str {
        &self.shared.channel
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

/// The channel of a schema.
pub(crate) fn channel(schema: &str) -> String {
    format!("saga.{}", &schema[1..schema.len() - 1])
}

async fn send(database: Arc<Database>, shared: Arc<Shared>) {
    loop {
        shared.is_outgoing.notified().await;
        let outgoing: Vec<String> = std::mem::take(&mut *lock(&shared.outgoing)).into_iter().collect();
        if outgoing.is_empty() {
            continue;
        }
        let notify = "SELECT pg_notify($1, what) FROM unnest($2::text[]) AS w (what)";
        if let Err(error) = database.query(Repeat::IfUndone, notify, &[&shared.channel, &outgoing]).await {
            tracing::debug!(%error, "a wake-up was not sent; it is found by polling");
        }
        sleep(INTERVAL).await;
    }
}

/// Listens for as long as the store lives.
async fn hear(config: Config, options: PostgresOptions, shared: Arc<Shared>, heard: WakeUpSender) {
    let mut delay = BACKOFF.0;
    loop {
        if let Ok(Ok((client, listening))) =
            timeout(options.connect_timeout, listening(&config, &options)).await
        {
            let mut driving = JoinSet::new();
            driving.spawn(drive(listening, Arc::clone(&shared), heard.clone()));
            let listen = format!("LISTEN \"{}\"", shared.channel.replace('"', "\"\""));
            if let Ok(Ok(())) = timeout(options.statement_timeout, client.batch_execute(&listen)).await {
                delay = BACKOFF.0;
                // What was told before was not heard.
                heard.all();
                driving.join_next().await;
            }
        }
        tracing::debug!(?delay, "wake-ups are not heard");
        sleep(delay).await;
        delay = delay.saturating_mul(2).min(BACKOFF.1);
    }
}

/// Reads the connection until it ends.
async fn drive(mut listening: Listening, shared: Arc<Shared>, heard: WakeUpSender) {
    loop {
        let message = match &mut listening {
            Listening::Plain(connection) => poll_fn(|context| connection.poll_message(context)).await,
            #[cfg(feature = "tls")]
            Listening::Tls(connection) => poll_fn(|context| connection.poll_message(context)).await,
        };
        match message {
            Some(Ok(AsyncMessage::Notification(note))) if note.payload() == WORK => heard.work(),
            Some(Ok(AsyncMessage::Notification(note))) => {
                let owner: Option<WorkerId> = note.payload().parse().ok();
                if owner.is_some_and(|owner| lock(&shared.workers).contains(&owner)) {
                    heard.requests();
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// Nothing panics while one of these is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
