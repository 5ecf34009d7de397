//! A world outside of the process: a file of lines that outlives kills, with one line for each call on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use saga::{SagaId, StepContext, StepError};

/// A service with idempotency keys: whoever asks again under a key gets the same effect, once. Each call is a line in
/// a file, written and synced before it is answered.
#[derive(Debug)]
pub struct Outside {
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
    /// Whether the effect is there: an undo came after no effect, or no undo after one.
    pub stands: bool,
    /// Whether an effect came after an undo.
    pub is_disordered: bool,
}

/// What the file says of each saga and step.
pub type Accounts = BTreeMap<(SagaId, String), Account>;

impl Outside {
    /// The world in this file. The rest of a line that a kill cut off is cut off too: its call was never answered.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Enters a call of a step, and returns once it is on the disk.
    pub fn enter<S>(&self, cx: &StepContext<S>, call: Call) -> Result<(), StepError> {
        let word = match call {
            Call::Effect => "effect",
            Call::Undo => "undo",
        };
        let line = format!("{word} {} {} {}\n", cx.saga_id(), cx.step(), cx.idempotency_key());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write of a whole line; what a kill leaves of it has no line's end.
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(StepError::in_doubt)
    }

    /// Whether the effect of this context's step is there, read from the file: what a `verify` asks.
    pub fn has_effect<S>(path: &Path, cx: &StepContext<S>) -> Result<bool, StepError> {
        let accounts = accounts(path).map_err(StepError::transient)?;
        Ok(accounts.get(&(cx.saga_id(), cx.step().to_owned())).is_some_and(|account| account.stands))
    }
}

/// Reads the file: each whole line is a call.
pub fn accounts(path: &Path) -> io::Result<Accounts> {
    let text = std::fs::read_to_string(path)?;
    let mut accounts = Accounts::new();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("no call: `{line}`"));
        let [word, saga, step, key] = *line.split_whitespace().collect::<Vec<_>>() else {
            return Err(invalid());
        };
        let saga = saga.parse().map_err(|_| invalid())?;
        let account = accounts.entry((saga, step.to_owned())).or_default();
        account.calls += 1;
        if word == "effect" {
            account.is_disordered |= !account.undos.is_empty();
            account.effects.insert(key.to_owned());
            account.stands = true;
        } else {
            account.undos.insert(key.to_owned());
            account.stands = false;
        }
    }
    Ok(accounts)
}
