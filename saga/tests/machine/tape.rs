//! Choices, written down beforehand.

use std::cell::Cell;
use std::fmt;

/// A tape of choices. Past its end every choice is the first, the good one: so whatever a tape begins, comes to its
/// end undisturbed, and a shorter tape tells a simpler story.
#[derive(Clone, Default)]
pub(crate) struct Tape {
    bytes: Vec<u8>,
    position: Cell<usize>,
}

impl Tape {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, position: Cell::new(0) }
    }

    /// One of `count` choices, from 0.
    pub(crate) fn choose(&self, count: usize) -> usize {
        let byte = self.bytes.get(self.position.get()).copied().unwrap_or(0);
        self.position.set(self.position.get() + 1);
        usize::from(byte) % count
    }

    /// Whether the one choice in `count` is taken that is not the good one.
    pub(crate) fn one_in(&self, count: usize) -> bool {
        self.choose(count) == count - 1
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.position.get() >= self.bytes.len()
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.bytes)
    }
}
