//! What a step knows of the saga it runs in.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::SagaId;

/// Labels of a saga: names and values that its starter gave it, found again by `list`.
pub type Labels = std::collections::BTreeMap<String, String>;

/// The first parameter of a step that wants more than the saga's services. It derefs to the saga.
///
/// ```
/// # use saga::{StepContext, StepError};
/// # struct Shop;
/// async fn charge(cx: &StepContext<'_, Shop>, amount: &u64) -> Result<u64, StepError> {
///     println!("attempt {} under the key {}", cx.attempt(), cx.idempotency_key());
///     Ok(*amount)
/// }
/// ```
pub struct StepContext<'s, S> {
    saga: &'s S,
    attempt: Attempt<'s>,
    key: OnceLock<String>,
}

/// What the engine tells a context of the attempt that it stands for.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Attempt<'s> {
    pub saga: SagaId,
    pub step: &'s str,
    pub number: u32,
    pub is_undo: bool,
    pub deadline: Option<Instant>,
    pub cancel: &'s CancelSignal,
    pub labels: &'s Labels,
}

impl<'s, S> StepContext<'s, S> {
    /// A context for one attempt.
    #[doc(hidden)]
    pub const fn new(saga: &'s S, attempt: Attempt<'s>) -> Self {
        Self { saga, attempt, key: OnceLock::new() }
    }

    /// The services of the saga.
    #[must_use]
    pub const fn saga(&self) -> &'s S {
        self.saga
    }

    /// The id of the saga.
    #[must_use]
    pub const fn saga_id(&self) -> SagaId {
        self.attempt.saga
    }

    /// The name of the step.
    #[must_use]
    pub const fn step(&self) -> &'s str {
        self.attempt.step
    }

    /// Whether this is an attempt to undo the step.
    #[cfg(feature = "testing")]
    pub(crate) const fn is_undo(&self) -> bool {
        self.attempt.is_undo
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt.number
    }

    /// The key under which the services called must know this effect: the same in every attempt and after every
    /// crash, and another one for the compensation.
    pub fn idempotency_key(&self) -> &str {
        self.key.get_or_init(|| {
            let undo = if self.attempt.is_undo { "-undo" } else { "" };
            format!("{}-{}{undo}", self.attempt.saga, self.attempt.step)
        })
    }

    /// When this attempt is dropped; `None` where it may take for ever.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.attempt.deadline
    }

    /// Whether a cancel of the saga has been asked for. The attempt may end early, or go on: its outcome counts.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.attempt.cancel.is_set()
    }

    /// Returns once a cancel of the saga is asked for.
    pub async fn cancelled(&self) {
        self.attempt.cancel.wait().await;
    }

    /// The labels that the saga was started with.
    #[must_use]
    pub const fn labels(&self) -> &'s Labels {
        self.attempt.labels
    }
}

impl<S> Deref for StepContext<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.saga
    }
}

impl<S> fmt::Debug for StepContext<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// A flag that is set once and can be waited for.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct CancelSignal {
    is_set: AtomicBool,
    changed: Notify,
}

impl CancelSignal {
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    pub async fn wait(&self) {
        loop {
            // Registered before the flag is read, so a `set` between the two is not lost.
            let changed = self.changed.notified();
            if self.is_set() {
                return;
            }
            changed.await;
        }
    }
}
