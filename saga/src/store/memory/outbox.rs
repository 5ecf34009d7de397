//! Cursors of publishers, and dead letters.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{MemoryStore, lock, ready};
use crate::store::outbox::{
    BEHIND_MAX, CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters,
    OutboxStore,
};
use crate::store::{BoxFuture, EventsAfter, StoreResult};
use crate::{SagaId, Timestamp, WorkerId};

#[derive(Debug)]
pub(super) struct Outbox {
    cursors: Mutex<BTreeMap<String, Cursor>>,
    /// The least position of all cursors; the greatest number where there is none.
    passed: AtomicU64,
}

#[derive(Debug, Default)]
struct Cursor {
    position: u64,
    holder: Option<(WorkerId, Timestamp)>,
    letters: BTreeMap<u64, DeadLetter>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { cursors: Mutex::default(), passed: AtomicU64::new(u64::MAX) }
    }
}

impl Outbox {
    /// Whether no cursor has this position before it still.
    pub(super) fn is_passed(&self, position: u64) -> bool {
        position <= self.passed.load(Ordering::Acquire)
    }

    pub(super) fn has_cursors(&self) -> bool {
        self.passed.load(Ordering::Acquire) != u64::MAX
    }

    /// Changes the cursors, and takes note of the least of them.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Cursor>) -> T) -> T {
        let mut cursors = lock(&self.cursors);
        let changed = change(&mut cursors);
        let least = cursors.values().map(|cursor| cursor.position).min();
        self.passed.store(least.unwrap_or(u64::MAX), Ordering::Release);
        changed
    }
}

impl MemoryStore {
    fn lease_now(&self, name: &str, worker: WorkerId, lease: Duration) -> Option<u64> {
        let now = self.clock.now();
        self.outbox.change(|cursors| {
            let cursor = match cursors.get_mut(name) {
                Some(cursor) => cursor,
                None => cursors.entry(name.to_owned()).or_default(),
            };
            if cursor.holder.is_some_and(|(holder, until)| holder != worker && until > now) {
                return None;
            }
            cursor.holder = Some((worker, now.saturating_add(lease)));
            Some(cursor.position)
        })
    }

    fn advance_now(&self, advance: &CursorAdvance) -> bool {
        let now = self.clock.now();
        let is_done = self.outbox.change(|cursors| {
            let holds = |cursor: &&mut Cursor| {
                cursor.position == advance.from
                    && cursor.holder.is_some_and(|(holder, until)| holder == advance.worker && until > now)
            };
            let Some(cursor) = cursors.get_mut(&advance.name).filter(holds) else { return false };
            cursor.position = advance.to;
            for refused in &advance.refused {
                let letter = DeadLetter::new(&advance.name, refused.clone(), now);
                cursor.letters.insert(refused.position, letter);
            }
            true
        });
        if is_done {
            // Some may have been kept for this cursor alone.
            self.trim_ended();
        }
        is_done
    }

    fn cursors_now(&self) -> Vec<CursorStatus> {
        let now = self.clock.now();
        let mut all: Vec<CursorStatus> = lock(&self.outbox.cursors)
            .iter()
            .map(|(name, cursor)| CursorStatus {
                name: name.clone(),
                position: cursor.position,
                holder: cursor.holder.filter(|(_, until)| *until > now).map(|(holder, _)| holder),
                behind: 0,
                oldest_at: None,
                dead_letters: cursor.letters.len() as u64,
            })
            .collect();
        for cursor in &mut all {
            let limit = usize::try_from(BEHIND_MAX).unwrap_or(usize::MAX);
            let entries = self.events_now(EventsAfter { position: cursor.position, limit });
            cursor.behind = entries.len() as u64;
            cursor.oldest_at = entries.first().map(|entry| entry.record.at);
        }
        all
    }

    fn letters_now(&self, after: &DeadLettersAfter) -> Vec<DeadLetter> {
        let cursors = lock(&self.outbox.cursors);
        let Some(cursor) = cursors.get(&after.publisher) else { return Vec::new() };
        let later = cursor.letters.values().filter(|letter| letter.position > after.position);
        later
            .filter(|letter| after.which == Letters::All || letter.is_to_resend)
            .take(after.limit)
            .cloned()
            .collect()
    }

    fn change_letter_now(&self, publisher: &str, position: u64, change: &DeadLetterChange) -> bool {
        let now = self.clock.now();
        let mut cursors = lock(&self.outbox.cursors);
        let Some(cursor) = cursors.get_mut(publisher) else { return false };
        let Some(letter) = cursor.letters.get_mut(&position) else { return false };
        match change {
            DeadLetterChange::Resend => letter.is_to_resend = true,
            DeadLetterChange::RefusedAgain { reason } => {
                letter.reason.clone_from(reason);
                (letter.refused_at, letter.is_to_resend) = (now, false);
            }
            DeadLetterChange::Remove => _ = cursor.letters.remove(&position),
        }
        true
    }

    /// Whether all that happened to a saga is passed by all cursors.
    pub(super) fn is_published(&self, saga: SagaId) -> bool {
        if !self.outbox.has_cursors() {
            return true;
        }
        let shard = self.shard(saga);
        let last = shard.sagas.get(&saga).and_then(|entry| entry.journal.last());
        last.is_none_or(|(position, _)| self.outbox.is_passed(*position))
    }
}

impl OutboxStore for MemoryStore {
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        ready(self.lease_now(name, worker, lease))
    }

    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>> {
        ready(self.advance_now(advance))
    }

    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>> {
        if let Some(cursor) = lock(&self.outbox.cursors).get_mut(name) {
            cursor.holder = cursor.holder.filter(|(holder, _)| *holder != worker);
        }
        ready(())
    }

    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>> {
        ready(self.cursors_now())
    }

    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        let is_removed = self.outbox.change(|cursors| cursors.remove(name).is_some());
        self.trim_ended();
        ready(is_removed)
    }

    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>> {
        ready(self.letters_now(letters))
    }

    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        ready(self.change_letter_now(publisher, position, change))
    }
}
