//! Cursors of publishers, and dead letters: all in the first partition.

use std::time::Duration;

use redis::Value;
use saga::store::outbox::{
    BEHIND_MAX, CursorAdvance, CursorStatus, DeadLetter, DeadLetterChange, DeadLettersAfter, Letters,
    OutboxStore, RefusedEvent,
};
use saga::store::{BoxFuture, EventsAfter, StoreResult};
use saga::{StoreError, WorkerId};

use crate::link::Kind;
use crate::queries::PARTITION_BITS;
use crate::rows;
use crate::script::{Call, OUTBOX};
use crate::store::{RedisStore, Shared};

/// Where cursors and letters are.
const PARTITION: u16 = 0;

impl OutboxStore for RedisStore {
    fn lease_cursor<'a>(
        &'a self,
        name: &'a str,
        worker: WorkerId,
        lease: Duration,
    ) -> BoxFuture<'a, StoreResult<Option<u64>>> {
        Box::pin(async move {
            let micros = u64::try_from(lease.as_micros()).unwrap_or(u64::MAX);
            let call = self.shared.outbox("lease", name).with(worker.to_string()).with(micros);
            match self.shared.link.call(&call, Kind::Repeatable).await? {
                Value::Nil => Ok(None),
                position => rows::parsed(position).map(Some),
            }
        })
    }

    fn advance_cursor<'a>(&'a self, advance: &'a CursorAdvance) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let CursorAdvance { name, worker, from, to, refused } = advance;
            let call = self.shared.outbox("advance", name).with(worker.to_string());
            let mut call = call.with(from.to_string()).with(to.to_string()).with(refused.len());
            for RefusedEvent { position, saga, event, reason } in refused {
                call = call.with(padded(*position)).with(saga.to_string()).with(event).with(reason);
            }
            Ok(rows::read::<u64>(self.shared.link.call(&call, Kind::Once).await?)? > 0)
        })
    }

    fn release_cursor<'a>(&'a self, name: &'a str, worker: WorkerId) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let call = self.shared.outbox("release", name).with(worker.to_string());
            self.shared.link.call(&call, Kind::Repeatable).await?;
            Ok(())
        })
    }

    fn cursors(&self) -> BoxFuture<'_, StoreResult<Vec<CursorStatus>>> {
        Box::pin(self.shared.cursors())
    }

    fn remove_cursor<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let call = self.shared.outbox("remove", name);
            Ok(rows::read::<u64>(self.shared.link.call(&call, Kind::Once).await?)? > 0)
        })
    }

    fn dead_letters<'a>(
        &'a self,
        letters: &'a DeadLettersAfter,
    ) -> BoxFuture<'a, StoreResult<Vec<DeadLetter>>> {
        Box::pin(self.shared.letters(letters))
    }

    fn change_dead_letter<'a>(
        &'a self,
        publisher: &'a str,
        position: u64,
        change: &'a DeadLetterChange,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let call = self.shared.outbox("change", publisher).with(padded(position));
            let (call, kind) = match change {
                DeadLetterChange::Resend => (call.with("resend"), Kind::Repeatable),
                DeadLetterChange::RefusedAgain { reason } => {
                    (call.with("again").with(reason), Kind::Repeatable)
                }
                DeadLetterChange::Remove => (call.with("remove"), Kind::Once),
            };
            Ok(rows::read::<u64>(self.shared.link.call(&call, kind).await?)? > 0)
        })
    }
}

impl Shared {
    fn outbox(&self, what: &str, name: &str) -> Call {
        self.script(&OUTBOX, PARTITION).with(what).with(name)
    }

    /// Name, position, holder and number of letters of each cursor.
    async fn cursor_rows(&self) -> StoreResult<Vec<(String, u64, Option<WorkerId>, u64)>> {
        let answer = self.link.call(&self.outbox("all", ""), Kind::Read).await?;
        let row = |value: Value| {
            let (name, position, holder, letters): (String, String, String, u64) = rows::read(value)?;
            let holder = (!holder.is_empty()).then(|| rows::parse(&holder)).transpose()?;
            Ok((name, rows::parse(&position)?, holder, letters))
        };
        rows::list(answer)?.into_iter().map(row).collect()
    }

    async fn cursors(&self) -> StoreResult<Vec<CursorStatus>> {
        let mut cursors = Vec::new();
        for (name, position, holder, dead_letters) in self.cursor_rows().await? {
            let limit = usize::try_from(BEHIND_MAX).unwrap_or(usize::MAX);
            let entries = self.events(&EventsAfter { position, limit }).await?;
            let (behind, oldest_at) = (entries.len() as u64, entries.first().map(|entry| entry.record.at));
            cursors.push(CursorStatus { name, position, holder, behind, oldest_at, dead_letters });
        }
        cursors.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(cursors)
    }

    /// The last place in a partition's log that all cursors have passed; `None` where there is no cursor.
    pub(crate) async fn passed_place(&self, partition: u16) -> StoreResult<Option<u64>> {
        let least = self.cursor_rows().await?.into_iter().map(|(_, position, ..)| position).min();
        Ok(least.map(|least| {
            let (place, behind) = (least >> PARTITION_BITS, least & 0xff);
            if u64::from(partition) <= behind { place } else { place.saturating_sub(1) }
        }))
    }

    async fn letters(&self, after: &DeadLettersAfter) -> StoreResult<Vec<DeadLetter>> {
        let only = u8::from(after.which == Letters::ToResend);
        let call = self.outbox("letters", &after.publisher).with(padded(after.position));
        let answer = self.link.call(&call.with(after.limit).with(only), Kind::Read).await?;
        let letter = |value: Value| {
            let [position, saga, event, reason, at, resend]: [Value; 6] = rows::list(value)?
                .try_into()
                .map_err(|_| StoreError::broken("a dead letter has not six parts"))?;
            let refused = RefusedEvent {
                position: rows::parsed(position)?,
                saga: rows::parsed(saga)?,
                event: rows::read(event)?,
                reason: rows::read(reason)?,
            };
            let mut letter = DeadLetter::new(&after.publisher, refused, rows::time(at)?);
            letter.is_to_resend = rows::read::<String>(resend)? == "1";
            Ok(letter)
        };
        rows::list(answer)?.into_iter().map(letter).collect()
    }
}

/// A position whose text sorts as its number does.
fn padded(position: u64) -> String {
    format!("{position:020}")
}
