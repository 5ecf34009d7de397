//! The keys of idempotent starts, each held by one saga, whose partition may be another one than the key's.
//!
//! Where both are in one partition, the script that creates the saga writes the record of its key too, or neither.
//! Else no script can, and a start goes like this:
//!
//! 1. *Reserve.* In the key's partition, where there is no record: `saga nonce`. The nonce is new for each try.
//! 2. *Create.* In the saga's partition, unless this try was made void there, or is older than a minute.
//!
//! Who finds a record of another saga looks whether that saga is there. If it is, the key is taken. If not, its start
//! is between 1 and 2, or died there. That gets a little time to go on. Then
//!
//! 3. *Void.* In the other saga's partition, all in one: it is there, and the key is taken; or a mark is made that
//!    refuses the create of that try.
//! 4. *Take over.* In the key's partition: the record becomes one's own, if it still is what was read in the beginning.
//!
//! What a crash leaves: after 1, a record of a saga that is not there, for the next start of that key to take over by 3
//! and 4. After 3, the same. After 4 the same as after 1. After 2 all is done: the record isn't touched again. A start that
//! was held for dead and was only slow finds its try void and begins again with 1, with a new nonce; what it does
//! then is decided by the record, where one of both is first. The mark of 3 is kept for an hour, for that long a create of
//! that try cannot come: the script refuses one that is older than a minute, by clocks that differ by far less.
//!
//! A purge deletes the record before the saga, so that it never leads to nothing.

use saga::machine::SagaStarted;
use saga::store::{Append, Refusal, StoreResult};
use saga::{SagaId, StoreError};
use tokio::time::{Instant, sleep};

use crate::append::{Answer, Reserved, Said};
use crate::link::Kind;
use crate::partitions::Partitions;
use crate::rows;
use crate::script::{KEY, PROBE};
use crate::store::Shared;

/// Where it is written who has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    pub(crate) partition: u16,
    pub(crate) name: String,
    definition: String,
    key: String,
}

impl KeyRecord {
    pub(crate) fn of(started: &SagaStarted, partitions: &Partitions) -> Option<Self> {
        let key = started.key.as_deref()?;
        Some(Self::new(&started.definition, key, partitions))
    }

    pub(crate) fn new(definition: &str, key: &str, partitions: &Partitions) -> Self {
        let name = format!("{}:{definition}:{key}", definition.len());
        let partition = partitions.of_bytes(name.as_bytes());
        Self { partition, name, definition: definition.to_owned(), key: key.to_owned() }
    }
}

/// A reservation is good for so long, by the servers' clocks, in microseconds.
const RESERVATION_MAX: i64 = 60_000_000;

/// A start that meets this many others that all die, or a key that changes hands so often, gives up.
const ROUNDS_MAX: u32 = 32;

/// The saga that a record names, and the nonce of its try.
fn parse(record: &str) -> StoreResult<(SagaId, &str)> {
    let (saga, nonce) = record.split_once(' ').unwrap_or((record, "-"));
    Ok((rows::parse(saga)?, nonce))
}

/// Where a start stands with its key.
enum Standing {
    Mine(Reserved),
    Taken(SagaId),
}

impl Shared {
    /// Appends to one saga, the first of which creates it with this key.
    pub(crate) async fn append_keyed(
        &self,
        key: &KeyRecord,
        appends: &[&Append],
    ) -> StoreResult<Vec<Answer>> {
        let saga = appends[0].saga;
        let partition = self.partitions.of(saga);
        for _ in 0..ROUNDS_MAX {
            let reserved = if partition == key.partition {
                Reserved::Here
            } else {
                match self.reserve(key, saga).await? {
                    Standing::Mine(reserved) => reserved,
                    Standing::Taken(existing) => return self.refuse(key, appends, existing).await,
                }
            };
            let said = self.write(partition, appends, &reserved).await?;
            match said.first() {
                Some(Said::Void) => continue,
                Some(Said::Key(holder)) => {
                    // In one partition: the record may be of a try that died.
                    match self.settle(key, saga, holder).await? {
                        Standing::Mine(_) => continue,
                        Standing::Taken(existing) => return self.refuse(key, appends, existing).await,
                    }
                }
                Some(Said::Conflict) => {
                    // The id is of another saga, which has not this key: it is left to others.
                    if let Reserved::By { nonce, .. } = &reserved {
                        self.exchange(key, &format!("{saga} {nonce}"), "").await?;
                    }
                }
                _ => {}
            }
            return appends.iter().zip(said).map(|(append, said)| said.answer(append)).collect();
        }
        Err(StoreError::unavailable(format!("the key `{}` changed hands too often", key.key)))
    }

    /// A create whose key's record, in the same partition, is of another saga.
    pub(crate) async fn append_to_taken(&self, append: &Append, holder: &str) -> StoreResult<Answer> {
        let broken = || StoreError::broken("a saga without a key was refused for its key");
        let started = crate::append::started(append).ok_or_else(broken)?;
        let key = KeyRecord::of(started, &self.partitions).ok_or_else(broken)?;
        match self.settle(&key, append.saga, holder).await? {
            Standing::Taken(existing) => Ok(Err(Refusal::KeyTaken { existing })),
            Standing::Mine(_) => {
                let answers = Box::pin(self.append_keyed(&key, &[append])).await?;
                answers.into_iter().next().ok_or_else(broken)
            }
        }
    }

    /// Without its create, the other appends of the saga are written as if it had not been asked for.
    async fn refuse(
        &self,
        key: &KeyRecord,
        appends: &[&Append],
        existing: SagaId,
    ) -> StoreResult<Vec<Answer>> {
        let mut answers = vec![Err(Refusal::KeyTaken { existing })];
        if existing == appends[0].saga {
            answers[0] = Err(Refusal::Conflict);
        }
        tracing::debug!(saga.id = %existing, key = key.name, "a start found its key taken");
        if appends.len() > 1 {
            let rest = &appends[1..];
            let said = self.write(self.partitions.of(rest[0].saga), rest, &Reserved::Here).await?;
            for (append, said) in rest.iter().zip(said) {
                answers.push(said.answer(append)?);
            }
        }
        Ok(answers)
    }

    /// Step 1.
    async fn reserve(&self, key: &KeyRecord, saga: SagaId) -> StoreResult<Standing> {
        // Nobody else has it: a nonce is an id.
        let nonce = SagaId::new().to_string();
        let (holder, at) = self.exchange(key, "", &format!("{saga} {nonce}")).await?;
        if holder.is_empty() {
            return Ok(Standing::Mine(Reserved::By { nonce, not_after: at.saturating_add(RESERVATION_MAX) }));
        }
        self.settle(key, saga, &holder).await
    }

    /// What becomes of a key that this record names a holder of.
    async fn settle(&self, key: &KeyRecord, saga: SagaId, holder: &str) -> StoreResult<Standing> {
        let mut holder = holder.to_owned();
        let mut until = Instant::now() + self.key_grace;
        let mut delay = std::time::Duration::from_millis(1);
        loop {
            let (existing, nonce) = parse(&holder)?;
            // A try of one's own before this one: its answer was lost, or it was refused.
            let is_own = existing == saga;
            let has_waited = is_own || Instant::now() >= until;
            let mode = if has_waited { "void" } else { "look" };
            if self.probe(key, existing, nonce, mode).await? {
                return Ok(Standing::Taken(existing));
            }
            if has_waited {
                let nonce = SagaId::new().to_string();
                let (found, at) = self.exchange(key, &holder, &format!("{saga} {nonce}")).await?;
                if found == holder {
                    let not_after = at.saturating_add(RESERVATION_MAX);
                    return Ok(Standing::Mine(Reserved::By { nonce, not_after }));
                }
                if found.is_empty() {
                    return Box::pin(self.reserve(key, saga)).await;
                }
                (holder, until) = (found, Instant::now() + self.key_grace);
                continue;
            }
            sleep(delay).await;
            delay *= 2;
            let (found, _) = self.exchange(key, "-", "").await?;
            if found.is_empty() {
                return Box::pin(self.reserve(key, saga)).await;
            }
            if found != holder {
                (holder, until) = (found, Instant::now() + self.key_grace);
            }
        }
    }

    /// Steps 1 and 4: the record becomes `value`, if it is `expected`. What it was, and the time there.
    pub(crate) async fn exchange(
        &self,
        key: &KeyRecord,
        expected: &str,
        value: &str,
    ) -> StoreResult<(String, i64)> {
        let call = self.script(&KEY, key.partition).with(&key.name).with(expected).with(value);
        // Done twice, the second finds what the first wrote: with its own nonce it is a stranger's, and settled.
        let mut answer = rows::list(self.link.call(&call, Kind::Once).await?)?.into_iter();
        let holder = rows::read(answer.next().unwrap_or_default())?;
        Ok((holder, rows::parsed(answer.next().unwrap_or_default())?))
    }

    /// Whether the saga is there with this key; with `void`, it is, or that try cannot create it any more.
    async fn probe(&self, key: &KeyRecord, saga: SagaId, nonce: &str, mode: &str) -> StoreResult<bool> {
        let call = self.script(&PROBE, self.partitions.of(saga));
        let call = call.with(saga.to_string()).with(nonce).with(&key.definition).with(&key.key).with(mode);
        let found: String = rows::read(self.link.call(&call, Kind::Repeatable).await?)?;
        Ok(found == "there")
    }
}
