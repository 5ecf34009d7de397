//! The task behind a publisher: one in a fleet works at a time, by a lease on the cursor.
//!
//! Whatever goes wrong, it goes back to the cursor: what is behind that was dealt with, what comes after it is read and
//! sent again. Two that work for a moment, for a lease ran out, send the same events twice, each in order: so the first
//! of each id come in order still.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::subjects::{Known, Subjects};
use super::window::Window;
use super::{Delivery, OutgoingEvent, Publisher};
use crate::WorkerId;
use crate::instruments::Deliveries;
use crate::machine::Event;
use crate::observe::EventFilter;
use crate::observe::event::SagaEvent;
use crate::observe::filter::Seen;
use crate::observe::handler::caught;
use crate::store::outbox::{CursorAdvance, DeadLetterChange, DeadLettersAfter, Letters, OutboxStore};
use crate::store::{EventsAfter, Store, StoreError, StoreResult};

/// As many entries are read at once, and published before the cursor moves.
const WINDOW_MAX: usize = 512;

/// As many events are handed to a publisher at once.
const BATCH_MAX: usize = 256;

/// As many dead letters are sent again in one go.
const RESEND_MAX: usize = 64;

/// How long one call of a publisher may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// After events were put off, or the store did not answer: from this, doubled, up to the other.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// What a publisher of this process did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherStatus {
    /// The publisher's name.
    pub name: String,
    /// Whether it is the one that works, of all processes.
    pub is_leading: bool,
    /// Events that its broker took, dead letters that were sent again included.
    pub published: u64,
    /// Events that its broker refused for good.
    pub refused: u64,
    /// How often an event was put off.
    pub put_off: u64,
    /// What went wrong last, and has not gone well since.
    pub last_error: Option<String>,
}

/// What is told to the task, and what it tells.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) name: String,
    is_leading: AtomicBool,
    deliveries: Deliveries,
    published: AtomicU64,
    refused: AtomicU64,
    put_off: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// There are new events, or letters to send again.
    pub(crate) news: Notify,
}

impl Publishing {
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            deliveries: Deliveries::new(&name),
            name,
            is_leading: AtomicBool::new(false),
            published: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            put_off: AtomicU64::new(0),
            last_error: Mutex::default(),
            news: Notify::new(),
        })
    }

    pub(crate) fn status(&self) -> PublisherStatus {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PublisherStatus {
            name: self.name.clone(),
            is_leading: self.is_leading.load(Ordering::Relaxed),
            published: get(&self.published),
            refused: get(&self.refused),
            put_off: get(&self.put_off),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn set_error(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn count(&self, delivery: &Delivery) {
        let counter = match delivery {
            Delivery::Taken => {
                self.deliveries.taken();
                &self.published
            }
            Delivery::Later { .. } => {
                self.deliveries.put_off();
                &self.put_off
            }
            Delivery::Refused { .. } => {
                self.deliveries.refused();
                &self.refused
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the task is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// For ever.
    No,
    /// Until nothing is left to be published, or something goes wrong.
    WhenDone,
    /// No longer.
    Now,
}

/// The times of a publisher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) poll_interval: Duration,
}

/// A publisher at work.
pub(crate) struct Task {
    pub(crate) store: Weak<dyn Store>,
    pub(crate) publisher: Arc<dyn Publisher>,
    pub(crate) filter: EventFilter,
    pub(crate) worker: WorkerId,
    pub(crate) known: Known,
    pub(crate) settings: Settings,
    pub(crate) publishing: Arc<Publishing>,
    pub(crate) stop: watch::Receiver<Stop>,
}

/// The cursor, while it is held.
struct Held {
    position: u64,
    renew_at: Instant,
}

/// Why a lead came to its end.
enum Lost {
    /// Somebody else holds the cursor.
    Lease,
    /// The store did not answer.
    Store(StoreError),
    /// The task is to stop, or its store is gone.
    Stopped,
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Task {
    pub(crate) async fn run(mut self) {
        let mut delay = BACKOFF.0;
        loop {
            let mut has_worked = false;
            let Err(lost) = self.lead(&mut has_worked).await;
            self.publishing.is_leading.store(false, Ordering::Relaxed);
            if has_worked {
                delay = BACKOFF.0;
            }
            let wait = match lost {
                Lost::Stopped => break,
                // Whoever holds the lease renews it every third part.
                Lost::Lease => self.settings.lease / 3,
                Lost::Store(error) => {
                    tracing::warn!(publisher = self.publishing.name, %error, "a publisher cannot reach the store");
                    self.publishing.set_error(Some(error.to_string()));
                    let wait = delay;
                    delay = delay.saturating_mul(2).min(BACKOFF.1);
                    wait
                }
            };
            if self.stops() != Stop::No || self.pause(Instant::now() + wait).await {
                break;
            }
        }
        if let Some(store) = self.store.upgrade()
            && let Some(outbox) = store.outbox()
            && let Err(error) = outbox.release_cursor(&self.publishing.name, self.worker).await
        {
            tracing::warn!(publisher = self.publishing.name, %error, "a cursor was not released; its lease runs out");
        }
    }

    /// Publishes for as long as the lease is held.
    async fn lead(&mut self, has_worked: &mut bool) -> Result<Infallible, Lost> {
        let mut held = self.lease().await?;
        self.publishing.is_leading.store(true, Ordering::Relaxed);
        let mut subjects = Subjects::new(self.known.clone());
        loop {
            if self.stops() == Stop::Now {
                return Err(Lost::Stopped);
            }
            if held.renew_at <= Instant::now() {
                held = self.lease().await?;
            }
            let mut window = self.read(&mut subjects, held.position).await?;
            let is_idle = window.is_empty();
            if !is_idle {
                self.publish_all(&mut window, &mut held).await?;
            }
            self.resend(&mut held).await?;
            *has_worked = true;
            self.publishing.set_error(None);
            if is_idle {
                if self.stops() != Stop::No {
                    return Err(Lost::Stopped);
                }
                self.idle(&held).await;
            }
        }
    }

    async fn lease(&self) -> Result<Held, Lost> {
        let asked_at = Instant::now();
        let store = self.store()?;
        let leased =
            outbox(&*store)?.lease_cursor(&self.publishing.name, self.worker, self.settings.lease).await?;
        let position = leased.ok_or(Lost::Lease)?;
        Ok(Held { position, renew_at: asked_at + self.settings.lease / 3 })
    }

    /// The entries behind the cursor, those that are wanted made ready.
    async fn read(&self, subjects: &mut Subjects, position: u64) -> Result<Window, Lost> {
        let store = self.store()?;
        let mut window = Window::default();
        for entry in store.events(&EventsAfter { position, limit: WINDOW_MAX }).await? {
            let subject = subjects.of(&*store, entry.saga, &entry.record).await?;
            let is_end = matches!(entry.record.event, Event::Ended { .. });
            let seen = Seen {
                saga: entry.saga,
                definition: &subject.definition,
                labels: &subject.labels,
                event: &entry.record.event,
            };
            let is_wanted = self.filter.matches(&seen);
            let event = is_wanted.then(|| SagaEvent::of_record(entry.saga, entry.record, subject));
            window.push(entry.position, event.map(|event| OutgoingEvent::new(entry.position, &event)));
            if is_end {
                subjects.forget(entry.saga);
            }
        }
        Ok(window)
    }

    /// Returns once all of `window` is dealt with.
    async fn publish_all(&mut self, window: &mut Window, held: &mut Held) -> Result<(), Lost> {
        let mut delay = BACKOFF.0;
        loop {
            window.begin_round();
            let mut is_any_settled = false;
            loop {
                let wave = window.wave(BATCH_MAX);
                if wave.is_empty() {
                    break;
                }
                let answers = self.hand_over(&wave, held).await?;
                for (event, delivery) in wave.into_iter().zip(answers) {
                    is_any_settled |= !matches!(delivery, Delivery::Later { .. });
                    window.settle(&event, delivery);
                }
            }
            if let Some(passed) = window.pass() {
                let advance = CursorAdvance {
                    name: self.publishing.name.clone(),
                    worker: self.worker,
                    from: held.position,
                    to: passed.to,
                    refused: passed.refused,
                };
                if !outbox(&*self.store()?)?.advance_cursor(&advance).await? {
                    return Err(Lost::Lease);
                }
                held.position = advance.to;
            }
            if window.is_empty() {
                return Ok(());
            }
            if is_any_settled {
                delay = BACKOFF.0;
            }
            if self.stops() != Stop::No || self.pause_leased(Instant::now() + delay, held).await? {
                return Err(Lost::Stopped);
            }
            delay = delay.saturating_mul(2).min(BACKOFF.1);
        }
    }

    /// Hands a batch to the publisher, and keeps the lease meanwhile.
    async fn hand_over(&mut self, batch: &[OutgoingEvent], held: &mut Held) -> Result<Vec<Delivery>, Lost> {
        let publisher = Arc::clone(&self.publisher);
        let mut stop = self.stop.clone();
        let mut publishing = pin!(timeout(PUBLISH_TIMEOUT, caught(|| publisher.publish(batch))));
        let answers = loop {
            let due = pin!(sleep_until(held.renew_at));
            let stopped = pin!(stopped_now(&mut stop));
            match first(publishing.as_mut(), first(due, stopped)).await {
                First::One(answers) => break answers,
                First::Other(First::One(())) => self.renew(held).await?,
                First::Other(First::Other(())) => return Err(Lost::Stopped),
            }
        };
        let mut answers = match answers {
            Ok(Some(answers)) => answers,
            Ok(None) => vec![Delivery::later("the publisher panicked"); batch.len()],
            Err(_) => {
                vec![Delivery::later(&format_args!("no answer within {PUBLISH_TIMEOUT:?}")); batch.len()]
            }
        };
        answers.resize(batch.len(), Delivery::later("the publisher gave no answer for it"));
        for (event, delivery) in batch.iter().zip(&answers) {
            self.publishing.count(delivery);
            match delivery {
                Delivery::Taken => {}
                Delivery::Later { reason } => self.publishing.set_error(Some(reason.clone())),
                Delivery::Refused { reason } => {
                    tracing::error!(
                        publisher = self.publishing.name,
                        event = event.id,
                        reason,
                        "the broker refused an event: it is a dead letter"
                    );
                }
            }
        }
        let put_off = answers.iter().filter(|answer| matches!(answer, Delivery::Later { .. })).count();
        if let Some(Delivery::Later { reason }) =
            answers.iter().find(|answer| matches!(answer, Delivery::Later { .. }))
        {
            tracing::warn!(publisher = self.publishing.name, put_off, reason, "events are tried again later");
        }
        Ok(answers)
    }

    /// Sends the dead letters that somebody wants to be sent again. What is put off waits for the next time.
    async fn resend(&mut self, held: &mut Held) -> Result<(), Lost> {
        let after = DeadLettersAfter {
            publisher: self.publishing.name.clone(),
            position: 0,
            limit: RESEND_MAX,
            which: Letters::ToResend,
        };
        let letters = outbox(&*self.store()?)?.dead_letters(&after).await?;
        for letter in letters {
            let answer = match OutgoingEvent::of_letter(&letter) {
                Some(event) => self.hand_over(&[event], held).await?.pop(),
                None => Some(Delivery::refused("it is no event that this version can read")),
            };
            let change = match answer {
                Some(Delivery::Taken) => DeadLetterChange::Remove,
                Some(Delivery::Refused { reason }) => DeadLetterChange::RefusedAgain { reason },
                Some(Delivery::Later { .. }) | None => return Ok(()),
            };
            let store = self.store()?;
            outbox(&*store)?.change_dead_letter(&self.publishing.name, letter.position, &change).await?;
        }
        Ok(())
    }

    /// Waits for news, at most until the store is to be asked again.
    async fn idle(&mut self, held: &Held) {
        let until = held.renew_at.min(Instant::now() + self.settings.poll_interval);
        let news = pin!(timeout_at(until, self.publishing.news.notified()));
        // What it is, the caller looks at.
        let stopped = pin!(self.stop.changed());
        first(news, stopped).await;
    }

    async fn renew(&self, held: &mut Held) -> Result<(), Lost> {
        match self.lease().await {
            // What is under way began there.
            Ok(renewed) if renewed.position == held.position => {
                held.renew_at = renewed.renew_at;
                Ok(())
            }
            Ok(_) => Err(Lost::Lease),
            Err(lost) => Err(lost),
        }
    }

    /// Waits, and keeps the lease; whether the task is to stop.
    async fn pause_leased(&mut self, until: Instant, held: &mut Held) -> Result<bool, Lost> {
        loop {
            if self.pause(until.min(held.renew_at)).await {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            self.renew(held).await?;
        }
    }

    /// Waits; whether the task is to stop.
    async fn pause(&mut self, until: Instant) -> bool {
        let stopped = self.stop.wait_for(|stop| *stop != Stop::No);
        timeout_at(until, stopped).await.is_ok()
    }

    /// A coordinator that is gone without a word stops at once.
    fn stops(&self) -> Stop {
        if self.stop.has_changed().is_err() { Stop::Now } else { *self.stop.borrow() }
    }

    fn store(&self) -> Result<Arc<dyn Store>, Lost> {
        self.store.upgrade().ok_or(Lost::Stopped)
    }
}

/// Of two, what comes first.
enum First<A, B> {
    One(A),
    Other(B),
}

/// Returns once one of the two is there; where both are, it is the first.
async fn first<A, B>(
    mut one: impl Future<Output = A> + Unpin,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let mut other = pin!(other);
    poll_fn(|cx| match Pin::new(&mut one).poll(cx) {
        Poll::Ready(one) => Poll::Ready(First::One(one)),
        Poll::Pending => other.as_mut().poll(cx).map(First::Other),
    })
    .await
}

async fn stopped_now(stop: &mut watch::Receiver<Stop>) {
    _ = stop.wait_for(|stop| *stop == Stop::Now).await;
}

fn outbox(store: &dyn Store) -> StoreResult<&dyn OutboxStore> {
    store.outbox().ok_or_else(|| StoreError::unusable(format!("the store `{}` has no cursors", store.name())))
}
