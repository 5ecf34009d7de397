//! What the tests of all behaviours share: the stores they run on, and a saga with moods.

pub mod trip;

use saga::testing::{OpenStore, memory_store};

/// A store that the behaviours are tested against.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Its name, for messages.
    pub name: &'static str,
    /// Makes a fresh, empty one, which can be opened again after a death.
    pub fresh: fn() -> OpenStore,
    /// Of the generated sagas, one in so many runs on it: memory is fast, a disk isn't.
    pub every: u64,
}

/// All of them. A new one is one line.
pub const BACKENDS: &[Backend] = &[Backend { name: "memory", fresh: memory_store, every: 1 }];

/// A number from the environment, to test more, or less, than by default.
#[must_use]
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
