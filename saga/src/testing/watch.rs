//! A watch over the journals that tests write.

use std::io::Write as _;
use std::sync::Arc;

use super::{Faults, FaultyStore};
use crate::machine::{Event, invariants};
use crate::store::{Store, StoreResult};
use crate::{Definition, MemoryStore, SagaId};

/// Holds every journal against [the rules](invariants) after each write.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    definitions: Vec<&'static Definition>,
}

impl Watch {
    pub(super) const fn over(definitions: Vec<&'static Definition>) -> Self {
        Self { definitions }
    }

    /// Reads these sagas' journals. One that breaks a rule ends the process: a panic in the task of a saga could be
    /// taken for a step's.
    pub(super) async fn look_at(&self, store: &dyn Store, sagas: &[SagaId]) -> StoreResult<()> {
        if self.definitions.is_empty() {
            return Ok(());
        }
        for &saga in sagas {
            let journal = store.load(saga).await?;
            let Some(Event::SagaStarted(started)) = journal.first().map(|record| &record.event) else {
                continue;
            };
            let known = |definition: &&&Definition| {
                definition.name == started.definition && definition.version == started.version
            };
            let broken = match self.definitions.iter().find(known) {
                Some(definition) => invariants(definition, &journal),
                None => continue,
            };
            if !broken.is_empty() {
                let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
                let text = format!("saga {saga} breaks rules: {}\n{journal:#?}\n", broken.join("; "));
                // Not `eprintln`, which the runner of tests keeps to itself.
                _ = std::io::stderr().write_all(text.as_bytes());
                std::process::abort();
            }
        }
        Ok(())
    }
}

/// A store in memory that holds the journals of sagas of these definitions against [the rules](invariants) after each
/// write, and ends the process where one is broken. No test over it can go well with a journal that is wrong.
///
/// ```
/// # use saga::{Coordinator, StepError, saga, step};
/// # #[saga(steps(reserve))]
/// # struct Shop;
/// # #[step(compensate = none)]
/// # async fn reserve(_shop: &Shop, seats: &u32) -> Result<u32, StepError> { Ok(*seats) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use saga::Saga as _;
/// use saga::testing::watched_memory_store;
///
/// let store = watched_memory_store([Shop::definition()]);
/// let coordinator = Coordinator::builder(store).saga(Shop).build().await.unwrap();
/// coordinator.start::<Shop>(2).await.unwrap().outcome().await.unwrap();
/// # }
/// ```
#[must_use]
pub fn watched_memory_store(definitions: impl IntoIterator<Item = &'static Definition>) -> FaultyStore {
    FaultyStore::new(Arc::new(MemoryStore::new()), Faults::none()).watching(definitions)
}
