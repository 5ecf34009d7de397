//! The cursors of a store that fails on command.

use std::time::Duration;

use super::FaultyStore;
use super::faults::Access;
use crate::WorkerId;
use crate::store::outbox::{
    CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, OutboxStore,
};
use crate::store::{BoxFuture, StoreError, StoreResult};

impl FaultyStore {
    fn cursors_of(&self) -> StoreResult<&dyn OutboxStore> {
        self.inner.outbox().ok_or_else(|| StoreError::unusable("the store keeps no cursors"))
    }
}

/// What a call of the store inside comes to.
macro_rules! inside {
    ($self:ident, $call:expr) => {
        move || match $self.cursors_of() {
            Ok(outbox) => $call(outbox),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    };
}

impl OutboxStore for FaultyStore {
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        let call = (format!("lease the cursor {name}"), Access::Write);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| outbox.lease_cursor(name, worker, lease));
        Box::pin(self.pass(call, inside, Option::is_some))
    }

    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>> {
        let call = (format!("advance the cursor {}", advance.name), Access::Write);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| outbox.advance_cursor(advance));
        Box::pin(self.pass(call, inside, |is_done| *is_done))
    }

    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>> {
        let call = (format!("release the cursor {name}"), Access::Write);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| outbox.release_cursor(name, worker));
        Box::pin(self.pass(call, inside, |()| true))
    }

    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>> {
        // Asked by those who just look on, and so not counted.
        Box::pin(self.let_through(inside!(self, OutboxStore::cursors)))
    }

    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        let call = (format!("remove the cursor {name}"), Access::Write);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| outbox.remove_cursor(name));
        Box::pin(self.pass(call, inside, |is_done| *is_done))
    }

    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>> {
        let call = ("read dead letters".to_owned(), Access::Read);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| outbox.dead_letters(letters));
        Box::pin(self.pass(call, inside, |_| true))
    }

    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        let call = ("change a dead letter".to_owned(), Access::Write);
        let inside = inside!(self, |outbox: &'a dyn OutboxStore| {
            outbox.change_dead_letter(publisher, position, change)
        });
        Box::pin(self.pass(call, inside, |is_done| *is_done))
    }
}
