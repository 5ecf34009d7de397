//! The coordinator: starts sagas, drives them, takes up what a crash left behind.

mod agenda;
mod builder;
mod give_up;
mod handle;
mod inner;
mod live;
mod operate;
mod park;
mod publishers;
mod registry;
mod retention;
#[cfg(feature = "metrics")]
mod sample;
mod shutdown;
mod standing;
mod start;
mod takeover;
mod task;
mod unknown;
mod view;

use std::fmt;
use std::sync::Arc;

pub use builder::{BuildError, CoordinatorBuilder};
pub use handle::{OutcomeError, SagaHandle};
pub use operate::OperateError;
#[cfg(feature = "testing")]
pub(crate) use registry::Registered;
pub use shutdown::ShutdownReport;
pub use start::{Draft, StartError, StartOptions};
pub use view::{InspectError, Inspection};

use crate::observe::{EventFilter, Health, Metrics, Subscription};
use crate::store::{SagaFilter, SagaInstance, SagaPage, Store, StoreResult};
use crate::{Saga, SagaId, WorkerId};
use inner::Inner;

/// Drives sagas over a store, embedded in your process. Cheap to clone; all clones are one worker.
///
/// When the last clone is dropped, running sagas are driven to their end, and no other is taken up; better is
/// [`shutdown`](Self::shutdown), which waits for them.
///
/// ```
/// # use saga::{Coordinator, MemoryStore, Outcome, StepError, saga, step};
/// # #[saga(steps(greet))]
/// # struct Greeting;
/// # #[step(compensate = none)]
/// # async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> { Ok(format!("hello {name}")) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let coordinator = Coordinator::builder(MemoryStore::new()).saga(Greeting).build().await?;
/// let greeting = coordinator.start::<Greeting>("Ada".to_owned()).await?;
/// assert_eq!(greeting.outcome().await?, Outcome::Completed("hello Ada".to_owned()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Coordinator {
    inner: Arc<Inner>,
    /// Dropped with the last clone: then nothing new begins.
    _door: Arc<Door>,
}

struct Door(Arc<Inner>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Coordinator {
    /// A coordinator over `store`, to be furnished with sagas and limits.
    ///
    /// ```
    /// # use saga::{Coordinator, MemoryStore, StepError, saga, step};
    /// # #[saga(steps(greet))]
    /// # struct Greeting;
    /// # #[step(compensate = none)]
    /// # async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> { Ok(format!("hello {name}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use saga::policy::{exponential, minutes, parallel, secs};
    ///
    /// let coordinator = Coordinator::builder(MemoryStore::new())
    ///     .saga(Greeting)
    ///     .max_concurrent_sagas(100)
    ///     .worker_pool_size(20)
    ///     .acquire_timeout(secs(5))
    ///     .retry(exponential(5, secs(1), minutes(1))) // where neither step nor saga says
    ///     .compensation(parallel(secs(30)))
    ///     .build()
    ///     .await?;
    /// assert!(coordinator.health().await.is_healthy);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(store: impl Store) -> CoordinatorBuilder {
        CoordinatorBuilder::new(Arc::new(store))
    }

    /// A coordinator over a store that others hold too.
    pub fn builder_shared(store: Arc<dyn Store>) -> CoordinatorBuilder {
        CoordinatorBuilder::new(store)
    }

    fn new(inner: Arc<Inner>) -> Self {
        Self { _door: Arc::new(Door(Arc::clone(&inner))), inner }
    }

    /// The id under which this coordinator owns sagas.
    #[must_use]
    pub fn worker(&self) -> WorkerId {
        self.inner.worker
    }

    /// Starts a saga. Once it returns, the saga is recorded, and will be finished, come what may.
    pub async fn start<S: Saga>(&self, input: S::Input) -> Result<SagaHandle<S>, StartError> {
        self.start_with(input, StartOptions::new()).await
    }

    /// Starts a saga with a key, labels, or a delay.
    ///
    /// ```
    /// # use saga::{Coordinator, MemoryStore, StartOptions, StepError, saga, step};
    /// # #[saga(steps(greet))]
    /// # struct Greeting;
    /// # #[step(compensate = none)]
    /// # async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> { Ok(format!("hello {name}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(Greeting).build().await?;
    /// let options = || StartOptions::new().key("request-17").label("customer", "c-4");
    /// let first = coordinator.start_with::<Greeting>("Ada".to_owned(), options()).await?;
    ///
    /// // The same key and input join the first saga; another input is an error.
    /// let again = coordinator.start_with::<Greeting>("Ada".to_owned(), options()).await?;
    /// assert_eq!(again.id(), first.id());
    /// assert!(coordinator.start_with::<Greeting>("Ben".to_owned(), options()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_with<S: Saga>(
        &self,
        input: S::Input,
        options: StartOptions,
    ) -> Result<SagaHandle<S>, StartError> {
        start::start(&self.inner, input, options).await
    }

    /// Starts a saga that has no type, by the name of its definition.
    #[cfg(feature = "testing")]
    pub(crate) async fn start_registered(
        &self,
        name: &str,
        input: crate::Payload,
        options: StartOptions,
    ) -> Result<SagaId, StartError> {
        let not_registered = || StartError::NotRegistered { saga: name.to_owned() };
        let registered = self.inner.registry.get(name).ok_or_else(not_registered)?;
        let flow = registered.flow(&input, &self.inner.codec)?;
        let begun = start::begin(&self.inner, registered.definition(), || flow, input, options).await?;
        Ok(begun.0)
    }

    /// What would record a saga with this input: for a store that starts sagas in a transaction of yours, such as
    /// `PostgresStore::start_in`. Nothing is recorded by it, and it takes no place among the concurrent sagas.
    ///
    /// # Errors
    ///
    /// Where the saga is not registered, or its input cannot be encoded.
    pub fn draft<S: Saga>(&self, input: &S::Input, options: &StartOptions) -> Result<Draft<S>, StartError> {
        start::draft(&self.inner, input, options)
    }

    /// A handle on a saga that was started earlier, here or elsewhere.
    #[must_use]
    pub fn handle<S: Saga>(&self, id: SagaId) -> SagaHandle<S> {
        SagaHandle::new(Arc::clone(&self.inner), id, None)
    }

    /// What is known of a saga; `None` where there is no such saga.
    pub async fn instance(&self, id: SagaId) -> StoreResult<Option<SagaInstance>> {
        self.inner.store.instance(id).await
    }

    /// The typed outputs so far of a saga, and how each step stands; `None` where there is no such saga.
    pub async fn inspect<S: Saga>(&self, id: SagaId) -> Result<Option<Inspection<S>>, InspectError> {
        view::inspect(&self.inner, id).await
    }

    /// A page of sagas.
    pub async fn list(&self, filter: SagaFilter) -> StoreResult<SagaPage> {
        self.inner.store.list(&filter).await
    }

    /// The events of sagas that this coordinator drives, from now on.
    ///
    /// A slow subscriber loses events and is told how many, [`Missed`](crate::Missed); it never holds a saga up.
    ///
    /// ```
    /// # use saga::{Coordinator, EventFilter, MemoryStore, StepError, saga, step};
    /// # #[saga(steps(greet))]
    /// # struct Greeting;
    /// # #[step(compensate = none)]
    /// # async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> { Ok(format!("hello {name}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let coordinator = Coordinator::builder(MemoryStore::new()).saga(Greeting).build().await?;
    /// let mut events = coordinator.subscribe(EventFilter::all().kind("step_completed").kind("ended"));
    /// coordinator.start::<Greeting>("Ada".to_owned()).await?;
    ///
    /// let done = events.next().await.expect("the coordinator is there")?;
    /// assert_eq!(done.step.as_deref(), Some("greet"));
    /// let ended = events.next().await.expect("the coordinator is there")?;
    /// assert_eq!(ended.event.kind(), "ended");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn subscribe(&self, filter: EventFilter) -> Subscription {
        self.inner.hub.subscribe(filter)
    }

    /// What this coordinator counted since it was built.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.inner.metrics()
    }

    /// Whether this coordinator is well. It asks the store.
    pub async fn health(&self) -> Health {
        view::health(&self.inner).await
    }

    /// Stops taking up sagas, waits for those under way as long as the shutdown timeout says, and hands the rest
    /// over to whoever claims them next. Sagas that just wait are handed over at once. Publishers go on for what is left
    /// of that time, until nothing is left to be published or their brokers put something off; other processes, or the
    /// next one, go on there.
    pub async fn shutdown(&self) -> ShutdownReport {
        shutdown::shutdown(&self.inner).await
    }
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinator").field("worker", &self.inner.worker).finish_non_exhaustive()
    }
}
