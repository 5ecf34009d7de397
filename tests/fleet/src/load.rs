//! The sagas that a fleet is given: which are to be started, and which are known to be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use saga::SagaId;

use crate::Told;

/// Numbers, each the key of a saga.
#[derive(Debug, Default)]
pub(crate) struct Load {
    next: usize,
    /// Given to a worker which was killed, or could not: given to another, under the same key.
    again: VecDeque<usize>,
    /// Acknowledged: whatever happens, they are there.
    pub(crate) started: BTreeMap<usize, SagaId>,
    /// How often a start was given out again.
    pub(crate) repeated: usize,
    /// Outcomes that somebody waited for and got.
    pub(crate) outcomes: usize,
}

/// What one worker was given.
#[derive(Debug, Default)]
pub(crate) struct Share {
    unanswered: BTreeSet<usize>,
    waited_for: BTreeSet<usize>,
}

impl Share {
    /// How many sagas it waits for.
    pub(crate) fn len(&self) -> usize {
        self.unanswered.len() + self.waited_for.len()
    }
}

impl Load {
    /// A number to be started by the worker of this share.
    pub(crate) fn give(&mut self, share: &mut Share) -> usize {
        let number = self.again.pop_front().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        share.unanswered.insert(number);
        number
    }

    /// Whether all that was given out is known to be recorded.
    pub(crate) fn is_started(&self) -> bool {
        self.started.len() == self.next
    }

    /// Whether something is to be given out again.
    pub(crate) fn is_owing(&self) -> bool {
        !self.again.is_empty()
    }

    pub(crate) fn hear(&mut self, share: &mut Share, told: Told) {
        match told {
            Told::Started(number, saga) => {
                share.unanswered.remove(&number);
                share.waited_for.insert(number);
                let before = self.started.insert(number, saga);
                assert!(before.is_none_or(|before| before == saga), "number {number} is two sagas");
            }
            Told::Refused(number, _) => {
                share.unanswered.remove(&number);
                self.owe(number);
            }
            Told::Ended(name, state) => {
                assert!(!state.starts_with("unknown"), "saga number {name}: {state}");
                share.waited_for.remove(&name.parse().expect("a number"));
                self.outcomes += 1;
            }
            Told::Answer(_) => {}
        }
    }

    /// Its worker is dead: what it left unanswered is given out again.
    pub(crate) fn lose(&mut self, share: Share) {
        for number in share.unanswered {
            self.owe(number);
        }
    }

    fn owe(&mut self, number: usize) {
        if !self.started.contains_key(&number) {
            self.again.push_back(number);
            self.repeated += 1;
        }
    }
}
