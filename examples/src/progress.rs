//! How far the orders are: one line that is written over and over on a terminal, else a line for each order.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stdout};

use saga::SagaState;

/// A count of what has ended, shown as it grows.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    ended: BTreeMap<SagaState, usize>,
    is_terminal: bool,
}

impl Progress {
    /// None of `total` has ended.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self { total, ended: BTreeMap::new(), is_terminal: stdout().is_terminal() }
    }

    /// `name` has ended so, or is parked.
    pub fn ended(&mut self, name: &str, state: SagaState) {
        *self.ended.entry(state).or_default() += 1;
        if !self.is_terminal {
            println!("{name} {state}");
            return;
        }
        let ended: usize = self.ended.values().sum();
        let full = ended * 30 / self.total.max(1);
        let counts: Vec<String> =
            self.ended.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(30 - full));
        print!("\r\x1b[2K{bar} {ended}/{}  {}", self.total, counts.join(", "));
        // A progress that cannot be shown is no reason to stop the work.
        _ = stdout().flush();
    }

    /// Ends the line.
    pub fn finish(self) {
        if self.is_terminal {
            println!();
        }
    }
}
