//! The outside world of a test: it remembers what was done to it, under which key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{SagaId, StepContext};

/// A world that sagas act on and that outlives their processes: the services of a test record their effects here.
///
/// It behaves as a service with idempotency keys does: an effect that is recorded again under its key is there
/// once. Clones are one.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    entries: Vec<LedgerEntry>,
    accounts: BTreeMap<(SagaId, String), Account>,
    complaints: Vec<String>,
}

/// What is known of one step of one saga.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    effect_keys: BTreeSet<String>,
    undo_keys: BTreeSet<String>,
    /// Whether its effect is there now.
    pub(super) stands: bool,
}

/// One call on the world.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The saga that called.
    pub saga: SagaId,
    /// Its step.
    pub step: String,
    /// The idempotency key that it gave.
    pub key: String,
    /// What it did.
    pub deed: Deed,
}

/// What a call on the world does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// The effect of a step.
    Effect,
    /// The effect of its compensation.
    Undo,
}

impl fmt::Display for LedgerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deed = match self.deed {
            Deed::Effect => "effect of",
            Deed::Undo => "undo of",
        };
        write!(f, "{deed} `{}` under {}", self.step, self.key)
    }
}

impl Ledger {
    /// A world in which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that the step has its effect now, or, called in a compensation, that it is undone. Whether that is
    /// new: the same call under the same key changes nothing.
    pub fn record<S>(&self, cx: &StepContext<S>) -> bool {
        let deed = if cx.is_undo() { Deed::Undo } else { Deed::Effect };
        self.enter(cx.saga_id(), cx.step(), cx.idempotency_key(), deed)
    }

    /// Whether the effect of the step that this context belongs to is there: what a `verify` asks.
    #[must_use]
    pub fn has_effect<S>(&self, cx: &StepContext<S>) -> bool {
        self.stands(cx.saga_id(), cx.step())
    }

    /// Records what an operator did by hand.
    pub fn record_by_hand(&self, saga: SagaId, step: &str, deed: Deed) {
        self.enter(saga, step, "by hand", deed);
    }

    /// Whether the effect of this step is there.
    #[must_use]
    pub fn stands(&self, saga: SagaId, step: &str) -> bool {
        self.account(saga, step).is_some_and(|account| account.stands)
    }

    /// All calls so far, repeated ones too.
    #[must_use]
    pub fn entries(&self) -> Vec<LedgerEntry> {
        self.books().entries.clone()
    }

    /// Something that must not happen, seen from inside the world.
    pub(super) fn complain(&self, complaint: String) {
        self.books().complaints.push(complaint);
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.books().complaints.clone()
    }

    pub(super) fn account(&self, saga: SagaId, step: &str) -> Option<Account> {
        self.books().accounts.get(&(saga, step.to_owned())).cloned()
    }

    /// The names of the steps that ever did something.
    pub(super) fn known_steps(&self) -> BTreeSet<String> {
        self.books().entries.iter().map(|entry| entry.step.clone()).collect()
    }

    fn enter(&self, saga: SagaId, step: &str, key: &str, deed: Deed) -> bool {
        let mut books = self.books();
        books.entries.push(LedgerEntry { saga, step: step.to_owned(), key: key.to_owned(), deed });
        let account = books.accounts.entry((saga, step.to_owned())).or_default();
        let keys = match deed {
            Deed::Effect => &mut account.effect_keys,
            Deed::Undo => &mut account.undo_keys,
        };
        let is_new = keys.insert(key.to_owned());
        let by_saga = keys.iter().filter(|key| *key != "by hand").count();
        let mut complaints = Vec::new();
        if by_saga > 1 {
            complaints.push(format!("`{step}` came under two idempotency keys: {keys:?}"));
        }
        if deed == Deed::Effect && !account.undo_keys.is_empty() {
            complaints.push(format!("the effect of `{step}` came after its undo"));
        }
        account.stands = deed == Deed::Effect;
        books.complaints.append(&mut complaints);
        is_new
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Whether it was ever there.
    pub(super) fn took_effect(&self) -> bool {
        !self.effect_keys.is_empty()
    }

    /// Whether it was ever undone.
    pub(super) fn was_undone(&self) -> bool {
        !self.undo_keys.is_empty()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.books().entries.iter().map(ToString::to_string)).finish()
    }
}
