//! What happens to a fleet, by the dice.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::Cut;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A worker's process is killed by SIGKILL, and another comes up in its place.
    Kill,
    /// A worker's process stands still by SIGSTOP until its lease has run out, and a little longer.
    Stop,
    /// The server ends connections: `pg_terminate_backend`, `CLIENT KILL`.
    EndConnections,
    /// The server is stopped the hard way, and started again.
    RestartServer,
    /// A connection is cut before a commit.
    CutBeforeTheCommit,
    /// A connection is cut after a commit and before its answer.
    CutBeforeTheAnswer,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Kill,
        Self::Stop,
        Self::EndConnections,
        Self::RestartServer,
        Self::CutBeforeTheCommit,
        Self::CutBeforeTheAnswer,
    ];

    /// Where it cuts a connection.
    pub(crate) const fn cut(self) -> Option<Cut> {
        match self {
            Self::CutBeforeTheCommit => Some(Cut::BeforeTheCommit),
            Self::CutBeforeTheAnswer => Some(Cut::BeforeTheAnswer),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "SIGKILL",
            Self::Stop => "SIGSTOP past the lease",
            Self::EndConnections => "connections ended by the server",
            Self::RestartServer => "server restarted",
            Self::CutBeforeTheCommit => "cut before the commit",
            Self::CutBeforeTheAnswer => "cut before the answer",
        })
    }
}

/// Faults in turn: of each kind one, in an order by the dice, again and again, each after a pause by the dice. The same
/// seed gives the same plan.
#[derive(Debug)]
pub struct Plan {
    dice: Rng,
    turn: Vec<Fault>,
}

/// A fault of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// What happens.
    pub fault: Fault,
    /// How long after the last one.
    pub pause: Duration,
    /// Whom it hits, of `0..3`; if that one can't be, the next.
    pub victim: usize,
    /// How much longer than its lease a worker stands still.
    pub overdue: Duration,
}

/// Between two faults at most.
const PAUSE_MAX_MS: u64 = 250;

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { dice: Rng::with_seed(seed), turn: Vec::new() }
    }
}

impl Iterator for Plan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        if self.turn.is_empty() {
            self.turn.extend(Fault::ALL);
            self.dice.shuffle(&mut self.turn);
        }
        Some(Planned {
            fault: self.turn.pop()?,
            pause: Duration::from_millis(self.dice.u64(0..PAUSE_MAX_MS)),
            victim: self.dice.usize(0..3),
            overdue: Duration::from_millis(self.dice.u64(50..400)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_plan_with_each_fault_in_turn() {
        let plan = |seed| Plan::new(seed).take(60).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
        for turn in plan(7).chunks(Fault::ALL.len()) {
            let mut faults: Vec<Fault> = turn.iter().map(|planned| planned.fault).collect();
            faults.sort_unstable();
            assert_eq!(faults, Fault::ALL);
        }
    }
}
