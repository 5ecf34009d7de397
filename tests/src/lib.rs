//! What the tests of all behaviours share: the stores they run on, and sagas whose services have moods.

mod folder;
pub mod journey;
pub mod order;
pub mod outside;
pub mod services;
pub mod shipment;
pub mod trip;

use std::sync::Arc;

pub use folder::Folder;
use saga::machine::{Record, invariants};
use saga::testing::{FaultyStore, OpenStore, memory_store, watched_memory_store};
use saga::{Coordinator, Saga, SagaId, Store};
use saga_sqlite::{Durability, SqliteOptions};

/// A store that the behaviours are tested against.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Its name, for messages.
    pub name: &'static str,
    /// Makes a fresh, empty one, which can be opened again after a death.
    pub fresh: fn() -> OpenStore,
    /// Of the generated sagas, one in so many runs on it: memory is fast, a disk isn't.
    pub every: u64,
    /// Of the runs of a crash test with a second death, at most so many are made on it.
    pub second_deaths: usize,
}

/// All of them. A new one is one line; one that a process opens for itself is opened anew in each call of what `fresh`
/// returned, which keeps its folder alive.
pub const BACKENDS: &[Backend] = &[
    Backend { name: "memory", fresh: memory_store, every: 1, second_deaths: 200 },
    Backend { name: "sqlite", fresh: sqlite_store, every: 20, second_deaths: 20 },
];

/// A fresh file, opened anew after each death. Each is the death of a process and not of its machine, and that is what
/// its durability is for: the disk is not waited for.
#[must_use]
pub fn sqlite_store() -> OpenStore {
    let folder = Arc::new(Folder::new());
    Box::new(move || {
        let folder = Arc::clone(&folder);
        Box::pin(async move {
            let options = SqliteOptions::new(folder.file("sagas.db")).durability(Durability::ProcessCrash);
            Ok(Arc::new(options.open().await?) as Arc<dyn Store>)
        })
    })
}

/// A store in memory that ends the process where the journal of one of this crate's sagas breaks a rule.
#[must_use]
pub fn watched_memory() -> FaultyStore {
    watched_memory_store([
        journey::Journey::definition(),
        order::OrderProcessing::definition(),
        shipment::Shipment::definition(),
        trip::Trip::definition(),
    ])
}

/// A number from the environment, to test more, or less, than by default.
#[must_use]
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The journal of a saga, which keeps all rules.
///
/// # Panics
///
/// Where it breaks one, or cannot be read.
pub async fn lawful_journal<S: Saga>(coordinator: &Coordinator, saga: SagaId) -> Vec<Record> {
    let inspection = coordinator.inspect::<S>(saga).await;
    let inspection = inspection.unwrap_or_else(|error| panic!("saga {saga}: {error}"));
    let journal = inspection.unwrap_or_else(|| panic!("there is no saga {saga}")).journal;
    let broken = invariants(S::definition(), &journal);
    assert!(broken.is_empty(), "{broken:?}: {journal:#?}");
    journal
}
