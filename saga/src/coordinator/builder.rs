//! A coordinator's settings, with their defaults.

use std::sync::Arc;
use std::time::Duration;

use super::Coordinator;
use super::inner::{Inner, Limits};
use super::publishers::{self, Publishers};
use super::registry::Registry;
use super::{retention, takeover, unknown};
use crate::observe::{EventFilter, Publisher};
use crate::policy::{Compensation, Defaults, Retention, RetryPolicy, keep_forever, millis, secs};
use crate::store::{Clock, Store};
use crate::trace::TraceContext;
use crate::{Codec, DefinitionError, ErrorCode, PayloadCodec, Saga, StoreError};

/// Furnishes a [`Coordinator`]. Each setting says its default.
#[must_use = "a builder does nothing before `build`"]
pub struct CoordinatorBuilder {
    store: Arc<dyn Store>,
    registry: Registry,
    problem: Option<BuildError>,
    codec: Codec,
    defaults: Defaults,
    limits: Limits,
    retention: Retention,
    trace_context: Option<Box<dyn TraceContext>>,
    publishers: Vec<(String, Arc<dyn Publisher>, EventFilter)>,
}

/// A coordinator that could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two sagas have one name.
    #[error("two sagas are called `{name}`; give one of them another with `name = \"..\"`")]
    DuplicateSaga {
        /// The name.
        name: String,
    },
    /// A saga doesn't fit together.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The store doesn't answer.
    #[error("the coordinator cannot reach its store: {0}")]
    Store(#[from] StoreError),
    /// Two publishers have one name.
    #[error("two publishers are called `{name}`: each has a cursor of its own, by its name")]
    DuplicatePublisher {
        /// The name.
        name: String,
    },
    /// A name that no cursor can have.
    #[error(
        "`{name}` cannot name a publisher: take 1 to {PUBLISHER_NAME_MAX} bytes without control characters"
    )]
    PublisherName {
        /// The name.
        name: String,
    },
    /// The store keeps no cursors.
    #[error("the store `{store}` keeps no cursors: publish from another one, or `subscribe`")]
    NoCursors {
        /// The store's name.
        store: &'static str,
    },
    /// A limit under which nothing could ever run.
    #[error("`{limit}` is 0: nothing could ever run")]
    ZeroLimit {
        /// The setting.
        limit: &'static str,
    },
}

impl BuildError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::DuplicateSaga { .. } => ErrorCode::DuplicateSaga,
            Self::Definition(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::ZeroLimit { .. } => ErrorCode::ZeroLimit,
            Self::DuplicatePublisher { .. } => ErrorCode::DuplicatePublisher,
            Self::PublisherName { .. } => ErrorCode::PublisherName,
            Self::NoCursors { .. } => ErrorCode::NoCursors,
        }
    }
}

/// The longest name of a publisher, in bytes.
const PUBLISHER_NAME_MAX: usize = 100;

impl CoordinatorBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let limits = Limits {
            sagas_max: 1_024,
            attempts_max: 1_024,
            acquire_timeout: secs(5),
            shutdown_timeout: secs(30),
            lease: secs(15),
            // A store that processes share is asked by each of them.
            poll_interval: if store.traits().is_exclusive { secs(1) } else { secs(2) },
        };
        let (registry, defaults) = (Registry::default(), Defaults::new());
        Self {
            store,
            registry,
            problem: None,
            codec: Codec::json(),
            defaults,
            limits,
            retention: keep_forever(),
            trace_context: None,
            publishers: Vec::new(),
        }
    }

    /// Registers a saga with its services: it can be started, and is taken up after a crash.
    pub fn saga<S: Saga>(mut self, saga: S) -> Self {
        let checked = S::definition().check().map_err(BuildError::from);
        let added =
            checked.and_then(|()| self.registry.add(saga).map_err(|name| BuildError::DuplicateSaga { name }));
        self.problem = self.problem.or(added.err());
        self
    }

    /// Registers a saga that has no type.
    #[cfg(feature = "testing")]
    pub(crate) fn registered(mut self, saga: Arc<dyn super::Registered>) -> Self {
        let checked = saga.definition().check().map_err(BuildError::from);
        let added = checked
            .and_then(|()| self.registry.add_erased(saga).map_err(|name| BuildError::DuplicateSaga { name }));
        self.problem = self.problem.or(added.err());
        self
    }

    /// At most so many sagas are driven at the same time; those that just wait for a long time don't count.
    /// Default: 1,024.
    pub fn max_concurrent_sagas(mut self, count: usize) -> Self {
        self.limits.sagas_max = count;
        self
    }

    /// At most so many attempts run at the same time. Default: 1,024.
    pub fn worker_pool_size(mut self, count: usize) -> Self {
        self.limits.attempts_max = count;
        self
    }

    /// How long a start waits for a free place among the concurrent sagas. Default: 5 s.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.limits.acquire_timeout = timeout;
        self
    }

    /// How long a shutdown waits for running sagas. Default: 30 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.limits.shutdown_timeout = timeout;
        self
    }

    /// For how long a dead worker's sagas are left alone. Default: 15 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.limits.lease = lease.max(millis(10));
        self
    }

    /// How often the store is searched for sagas to take up. Default: 1 s, and 2 s for a store that processes share.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.limits.poll_interval = interval.max(millis(1));
        self
    }

    /// How long an attempt may take where neither its step nor its saga says. Default: 1 minute.
    pub fn step_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.step_timeout = timeout;
        self
    }

    /// How long a saga may go forward where it doesn't say. Default: for ever.
    pub fn saga_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.saga_timeout = Some(timeout);
        self
    }

    /// How steps are retried where neither they nor their saga say.
    /// Default: `exponential(3, secs(1), secs(10))`.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.defaults.retry = policy;
        self
    }

    /// How sagas go back where they don't say. Default: `sequential(secs(30))`, each undo retried by
    /// `exponential(10, secs(1), minutes(1))`.
    pub fn compensation(mut self, compensation: Compensation) -> Self {
        self.defaults.compensation = compensation;
        self
    }

    /// How often in a row a saga may lose its worker without progress before it is parked. Default: 10.
    pub fn fruitless_claims_max(mut self, count: u32) -> Self {
        self.defaults.fruitless_claims_max = count;
        self
    }

    /// For how long ended sagas are kept: what is older is deleted in the background, some at a time. Never one that is
    /// active or stuck. Default: for good.
    ///
    /// ```
    /// # use saga::{Coordinator, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), saga::BuildError> {
    /// use saga::policy::{days, keep_for};
    ///
    /// let retention = keep_for(days(30)).failed(days(365));
    /// let coordinator = Coordinator::builder(MemoryStore::new()).retention(retention).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How inputs and outputs are encoded. Default: JSON.
    pub fn codec(mut self, codec: impl PayloadCodec) -> Self {
        self.codec = Codec::custom(codec).limit(self.codec.limit_bytes());
        self
    }

    /// The most bytes of an input or output. Default: 1 MiB.
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.codec = self.codec.limit(bytes);
        self
    }

    /// Keeps the trace of its starter with each saga, so that whichever process drives it goes on with that trace.
    /// Default: none is kept, and each drive of a saga is a trace of its own.
    ///
    /// `saga-opentelemetry` has one for OpenTelemetry.
    pub fn trace_context(mut self, context: impl TraceContext) -> Self {
        self.trace_context = Some(Box::new(context));
        self
    }

    /// Publishes the events of all sagas of the store, those of other processes too, from a durable cursor of this name
    /// on: at least once, each saga's in order, by one process of a fleet at a time. A new name begins with the oldest
    /// event that is there. Another filter under a known name counts from where the cursor is.
    ///
    /// A name that is in use no more keeps sagas from being purged, until its cursor is
    /// [removed](Coordinator::remove_publisher).
    pub fn publish(
        mut self,
        name: impl Into<String>,
        publisher: impl Publisher,
        filter: EventFilter,
    ) -> Self {
        let name = name.into();
        let is_good = (1..=PUBLISHER_NAME_MAX).contains(&name.len()) && !name.contains(char::is_control);
        let problem = if !is_good {
            Some(BuildError::PublisherName { name: name.clone() })
        } else if self.publishers.iter().any(|(taken, ..)| *taken == name) {
            Some(BuildError::DuplicatePublisher { name: name.clone() })
        } else if self.store.outbox().is_none() {
            Some(BuildError::NoCursors { store: self.store.name() })
        } else {
            None
        };
        self.problem = self.problem.or(problem);
        self.publishers.push((name, Arc::new(publisher), filter));
        self
    }

    /// Builds the coordinator. It begins at once to take up what a crash left behind.
    pub async fn build(self) -> Result<Coordinator, BuildError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        for (limit, value) in
            [("max_concurrent_sagas", self.limits.sagas_max), ("worker_pool_size", self.limits.attempts_max)]
        {
            if value == 0 {
                return Err(BuildError::ZeroLimit { limit });
            }
        }
        let clock = Clock::showing(self.store.ping().await?);
        let settings = (self.codec, self.defaults, self.limits);
        let names = self.publishers.iter().map(|(name, ..)| name.clone());
        let publishers = Publishers::new(names);
        let inner =
            Arc::new(Inner::new(self.store, self.registry, settings, self.trace_context, clock, publishers));
        // The lease stands before anything is owned under it.
        inner.heartbeat().await?;
        // For tools alone: sagas are driven also where it cannot be kept.
        if let Err(error) = inner.store.describe(&inner.registry.shapes()).await {
            tracing::warn!(%error, "the shapes of the sagas are not kept: tools show their steps by number");
        }
        takeover::spawn(&inner);
        unknown::spawn(&inner);
        retention::spawn(&inner, self.retention);
        #[cfg(feature = "metrics")]
        super::sample::spawn(&inner);
        publishers::spawn(
            &inner,
            self.publishers.into_iter().map(|(_, publisher, filter)| (publisher, filter)),
        );
        Ok(Coordinator::new(inner))
    }
}
