//! What a crash test did, or the story of its failure.

use std::collections::BTreeMap;
use std::fmt;

use super::faults::Call;
use crate::machine::SagaState;

/// What a crash test did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// The writes of the run in which nothing went wrong.
    pub writes: usize,
    /// All runs.
    pub runs: usize,
    /// Those with a second death, during the recovery.
    pub second_deaths: usize,
    /// How often the saga ended in which state, or was parked.
    pub outcomes: BTreeMap<SagaState, usize>,
}

/// A run in which something is wrong. It prints as a story.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CrashFailure {
    /// What went wrong on purpose, life after life.
    pub faults: Vec<String>,
    /// What must not be.
    pub violations: Vec<String>,
    /// The saga's journal, a line a record.
    pub journal: String,
    /// The calls on the store, life after life.
    pub calls: Vec<Vec<Call>>,
    /// What was done to the world.
    pub world: Vec<String>,
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, runs, second_deaths, outcomes } = self;
        write!(f, "{writes} writes, {runs} runs, {second_deaths} of them with a second death:")?;
        for (index, (state, count)) in outcomes.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {count} {state}")?;
        }
        Ok(())
    }
}

/// As many calls of a life are printed.
const LINES_MAX: usize = 200;

impl fmt::Display for CrashFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = self.faults.is_empty().then(|| "no fault at all".to_owned());
        let faults: Vec<&str> = self.faults.iter().chain(&nothing).map(String::as_str).collect();
        writeln!(f, "after {}:", faults.join(", then "))?;
        for violation in &self.violations {
            writeln!(f, "  - {violation}")?;
        }
        writeln!(f, "the journal:\n{}the world:", self.journal)?;
        for line in &self.world {
            writeln!(f, "  {line}")?;
        }
        for (life, calls) in (1..).zip(&self.calls) {
            writeln!(f, "the store, life {life}:")?;
            // A claim that found nothing is no part of the story.
            let told = |(_, call): &(usize, &Call)| call.is_effective || call.text != "claim";
            for (number, call) in calls.iter().enumerate().filter(told).take(LINES_MAX) {
                let nothing = if call.is_effective { "" } else { " (nothing done, or no answer)" };
                writeln!(f, "  {number:>3} {}{nothing}", call.text)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for CrashFailure {}
