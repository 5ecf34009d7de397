//! The services behind the steps of a test's saga: a world that remembers, and moods.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use saga::testing::Ledger;
use saga::{StepContext, StepError};

/// Services that feel as a test says. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The world that they act on.
    pub world: Ledger,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    moods: Mutex<BTreeMap<String, Mood>>,
    said: Mutex<Vec<String>>,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

/// How the service behind a step feels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    /// It does what it is asked.
    #[default]
    Well,
    /// It does so after this time.
    Slow(Duration),
    /// It is busy in the first so many attempts.
    Busy(u32),
    /// It refuses, by a rule of its business.
    Refuses,
    /// It never can.
    Breaks,
    /// It gives no answer, and does nothing.
    Silent,
    /// It does what it is asked, and gives no answer.
    Mute,
    /// It panics.
    Panics,
}

impl Services {
    /// Services on this world that all feel well.
    #[must_use]
    pub fn on(world: &Ledger) -> Self {
        Self { world: world.clone(), shared: Arc::default() }
    }

    /// The service behind this step, or behind `undo ` and this step, feels so from now on.
    pub fn feel(&self, step: impl AsRef<str>, mood: Mood) {
        lock(&self.shared.moods).insert(step.as_ref().to_owned(), mood);
    }

    /// Does what a step asks for, as the service feels.
    pub async fn serve<S>(&self, cx: &StepContext<S>) -> Result<(), StepError> {
        self.act(cx, cx.step()).await
    }

    /// Undoes it, as the service feels.
    pub async fn undo<S>(&self, cx: &StepContext<S>) -> Result<(), StepError> {
        self.act(cx, &format!("undo {}", cx.step())).await
    }

    /// Notes something for the test.
    pub fn say(&self, what: impl Into<String>) {
        lock(&self.shared.said).push(what.into());
    }

    /// All that was noted, and each call: the name of its step, or `undo ` and that.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        lock(&self.shared.said).clone()
    }

    /// The most calls that were ever under way at the same time.
    #[must_use]
    pub fn running_max(&self) -> usize {
        self.shared.running_max.load(Ordering::Relaxed)
    }

    async fn act<S>(&self, cx: &StepContext<S>, what: &str) -> Result<(), StepError> {
        let _running = Running::enter(&self.shared);
        self.say(what);
        let mood = lock(&self.shared.moods).get(what).copied().unwrap_or_default();
        match mood {
            Mood::Slow(time) => tokio::time::sleep(time).await,
            Mood::Busy(attempts) if cx.attempt() <= attempts => return Err(StepError::transient("busy")),
            Mood::Refuses => return Err(StepError::business("REFUSED", "refused")),
            Mood::Breaks => return Err(StepError::permanent("broken")),
            Mood::Silent => return Err(StepError::in_doubt("no answer")),
            Mood::Panics => panic!("out of its wits"),
            Mood::Well | Mood::Busy(_) | Mood::Mute => {}
        }
        self.world.record(cx);
        if mood == Mood::Mute { Err(StepError::in_doubt("no answer")) } else { Ok(()) }
    }
}

/// A call under way; it is over also when it is dropped.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn enter(shared: &'a Shared) -> Self {
        let running = shared.running.fetch_add(1, Ordering::Relaxed) + 1;
        shared.running_max.fetch_max(running, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a test's saga of [`Services`] has besides its steps.
macro_rules! staffed {
    ($saga:ident) => {
        impl $saga {
            /// A saga on this world, whose services all feel well.
            #[must_use]
            pub fn new(world: &saga::testing::Ledger) -> Self {
                Self { services: $crate::services::Services::on(world) }
            }

            /// The service behind this step, or behind `undo ` and this step, feels so from now on.
            #[must_use]
            pub fn with(self, step: impl AsRef<str>, mood: $crate::services::Mood) -> Self {
                self.services.feel(step, mood);
                self
            }
        }

        impl std::ops::Deref for $saga {
            type Target = $crate::services::Services;

            fn deref(&self) -> &$crate::services::Services {
                &self.services
            }
        }
    };
}
pub(crate) use staffed;
