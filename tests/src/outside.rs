//! A world outside of the processes: a file of lines that outlives kills, with one line for each call on it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use saga::{SagaId, StepContext, StepError};

/// A service with idempotency keys, as any number of processes call it: whoever asks again under a key gets the same
/// effect, once; and what is undone, or asked to be undone before it was done, is never done after that. Each call is a
/// line in a file, written before it is answered.
#[derive(Debug)]
pub struct Outside {
    path: PathBuf,
    caller: String,
    file: Mutex<File>,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// The effect of a step.
    Effect,
    /// The effect of its compensation.
    Undo,
}

/// What the file says of one step of one saga.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How often it was called.
    pub calls: usize,
    /// The keys under which its effect came.
    pub effects: BTreeSet<String>,
    /// The keys under which its undo came.
    pub undos: BTreeSet<String>,
    /// Who called it, and for what.
    pub callers: BTreeSet<(Call, String)>,
    /// The effects that came after the undo, and were refused: who had undone it, and who came too late.
    pub late: BTreeSet<(String, String)>,
    undone_by: Option<String>,
}

impl Account {
    /// Whether the effect is there.
    #[must_use]
    pub fn stands(&self) -> bool {
        !self.effects.is_empty() && self.undos.is_empty()
    }
}

/// What the file says of each saga and step.
pub type Accounts = std::collections::BTreeMap<(SagaId, String), Account>;

impl Outside {
    /// The world in this file, as `caller` calls it: a name without spaces, of one process only.
    pub fn open(path: &Path, caller: impl Into<String>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { path: path.to_owned(), caller: caller.into(), file: Mutex::new(file) })
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// Enters a call of a step, and returns once no kill of this process can undo it.
    pub fn enter<S>(&self, cx: &StepContext<S>, call: Call) -> Result<(), StepError> {
        let word = match call {
            Call::Effect => "effect",
            Call::Undo => "undo",
        };
        let (saga, step, key) = (cx.saga_id(), cx.step(), cx.idempotency_key());
        // One write of a whole line. What a kill leaves of it has no end, and the next line begins with one.
        let line = format!("\n{word} {saga} {step} {key} {} .\n", self.caller);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(StepError::in_doubt)
    }

    /// Whether the effect of this context's step is there, read from the file: what a `verify` asks.
    pub fn has_effect<S>(&self, cx: &StepContext<S>) -> Result<bool, StepError> {
        let text = std::fs::read_to_string(&self.path).map_err(StepError::transient)?;
        let has = |word: &str| text.contains(&format!("\n{word} {} {} ", cx.saga_id(), cx.step()));
        Ok(has("effect") && !has("undo"))
    }
}

/// Reads the file: each whole line is a call.
pub fn accounts(path: &Path) -> io::Result<Accounts> {
    let text = std::fs::read_to_string(path)?;
    let mut accounts = Accounts::new();
    for line in text.split('\n').filter(|line| line.ends_with(" .")) {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("no call: `{line}`"));
        let [word, saga, step, key, caller, _] = *line.split(' ').collect::<Vec<_>>() else {
            return Err(invalid());
        };
        let saga = saga.parse().map_err(|_| invalid())?;
        let account = accounts.entry((saga, step.to_owned())).or_default();
        account.calls += 1;
        if word == "effect" {
            if let Some(undone_by) = &account.undone_by {
                account.late.insert((undone_by.clone(), caller.to_owned()));
            }
            account.effects.insert(key.to_owned());
            account.callers.insert((Call::Effect, caller.to_owned()));
        } else {
            account.undone_by.get_or_insert_with(|| caller.to_owned());
            account.undos.insert(key.to_owned());
            account.callers.insert((Call::Undo, caller.to_owned()));
        }
    }
    Ok(accounts)
}
