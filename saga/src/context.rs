//! What a step knows of the saga it runs in.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::SagaId;
use crate::lent::Lent;
use crate::timer::Deadlines;

/// Labels of a saga: names and values that its starter gave it, found again by `list`.
pub type Labels = std::collections::BTreeMap<String, String>;

/// The first parameter of a step that wants more than the saga's services. It derefs to the saga.
///
/// ```
/// # use saga::{StepContext, StepError};
/// # struct Shop;
/// async fn charge(cx: &StepContext<Shop>, amount: &u64) -> Result<u64, StepError> {
///     println!("attempt {} under the key {}", cx.attempt(), cx.idempotency_key());
///     Ok(*amount)
/// }
/// ```
pub struct StepContext<S> {
    saga: Lent<S>,
    scope: Lent<SagaScope>,
    step: Lent<str>,
    index: usize,
    timeout: Duration,
    number: u32,
    is_undo: bool,
    key: OnceLock<String>,
}

/// What all attempts of one saga know of it.
#[derive(Debug)]
pub(crate) struct SagaScope {
    pub(crate) id: SagaId,
    pub(crate) labels: Labels,
    pub(crate) cancel: CancelSignal,
    pub(crate) deadlines: Deadlines,
}

impl SagaScope {
    /// The scope of a saga of so many steps, whose drive begins with these deadlines.
    pub(crate) fn new(id: SagaId, labels: Labels, deadlines: Deadlines) -> Self {
        Self { id, labels, cancel: CancelSignal::default(), deadlines }
    }
}

/// What the engine tells a context of the attempt that it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'s> {
    pub(crate) scope: &'s SagaScope,
    pub(crate) step: &'s str,
    pub(crate) index: usize,
    pub(crate) timeout: Duration,
    pub(crate) number: u32,
    pub(crate) is_undo: bool,
}

impl Attempt<'_> {
    /// When it is dropped, from now on fixed; `None` where it may take for ever.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.scope.deadlines.deadline(self.index, self.timeout)
    }
}

/// A context with the lifetime of what it borrows. It shows the context, and never gives it away.
pub(crate) struct OpenContext<'s, S> {
    cx: StepContext<S>,
    borrowed: PhantomData<(&'s S, Attempt<'s>)>,
}

impl<'s, S> OpenContext<'s, S> {
    /// The context of one attempt.
    #[expect(unsafe_code, reason = "the type of a context shows no lifetime")]
    pub(crate) const fn new(saga: &'s S, attempt: &Attempt<'s>) -> Self {
        let Attempt { scope, step, index, timeout, number, is_undo } = *attempt;
        // SAFETY: the context is seen through `deref` only, by a reference that lives no longer than `'s`. A context
        // is not `Clone`, so nobody else ever has one.
        let cx = unsafe {
            StepContext {
                saga: Lent::new(saga),
                scope: Lent::new(scope),
                step: Lent::new(step),
                index,
                timeout,
                number,
                is_undo,
                key: OnceLock::new(),
            }
        };
        Self { cx, borrowed: PhantomData }
    }
}

impl<S> Deref for OpenContext<'_, S> {
    type Target = StepContext<S>;

    fn deref(&self) -> &StepContext<S> {
        &self.cx
    }
}

impl<S> StepContext<S> {
    /// The services of the saga.
    #[must_use]
    pub fn saga(&self) -> &S {
        &self.saga
    }

    /// The id of the saga.
    #[must_use]
    pub fn saga_id(&self) -> SagaId {
        self.scope.id
    }

    /// The name of the step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Whether this is an attempt to undo the step.
    #[cfg(feature = "testing")]
    pub(crate) const fn is_undo(&self) -> bool {
        self.is_undo
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.number
    }

    /// The key under which the services called must know this effect: the same in every attempt and after every
    /// crash, and another one for the compensation.
    pub fn idempotency_key(&self) -> &str {
        self.key.get_or_init(|| {
            // In front, where no step's name can be taken for it.
            let undo = if self.is_undo { "undo-" } else { "" };
            format!("{undo}{}-{}", self.saga_id(), self.step())
        })
    }

    /// When this attempt is dropped; `None` where it may take for ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.deadlines.deadline(self.index, self.timeout)
    }

    /// Whether a cancel of the saga has been asked for. The attempt may end early, or go on: its outcome counts.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.scope.cancel.is_set()
    }

    /// Returns once a cancel of the saga is asked for.
    pub async fn cancelled(&self) {
        self.scope.cancel.wait().await;
    }

    /// The labels that the saga was started with.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.scope.labels
    }
}

impl<S> Deref for StepContext<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.saga
    }
}

impl<S> fmt::Debug for StepContext<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext")
            .field("saga_id", &self.saga_id())
            .field("step", &self.step())
            .field("attempt", &self.number)
            .finish_non_exhaustive()
    }
}

/// A flag that is set once and can be waited for.
#[derive(Debug, Default)]
pub(crate) struct CancelSignal {
    is_set: AtomicBool,
    changed: Notify,
}

impl CancelSignal {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    pub(crate) async fn wait(&self) {
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
