//! The way from a drafted event to a durable one.

use std::time::Duration;

use super::committer::{Answer, Committer};
use super::mailbox::{Mailbox, Signal};
use super::observer::{Observed, Observer};
use crate::machine::{Event, SagaState, owner};
use crate::store::{Append, HeadChange, Refusal, Store, StoreError};
use crate::{Definition, Labels, SagaId, Timestamp, WorkerId};

/// Where the events of one saga go.
pub(crate) enum Journal<'a> {
    /// Nowhere: a saga without a store.
    Nowhere,
    /// To a store.
    Durable(Durable<'a>),
}

/// A journal in a store, written by one owner.
pub(crate) struct Durable<'a> {
    pub(crate) saga: SagaId,
    pub(crate) worker: WorkerId,
    pub(crate) definition: &'a Definition,
    pub(crate) labels: &'a Labels,
    pub(crate) store: &'a dyn Store,
    pub(crate) committer: &'a Committer,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) mailbox: &'a Mailbox,
    /// The sequence number of the next event: the fence.
    pub(crate) sequence: u64,
    /// What the head row says; `None` before the saga is recorded.
    pub(crate) head: Option<SagaState>,
    /// When the saga was recorded; `None` before.
    pub(crate) started_at: Option<Timestamp>,
    /// Requests that the next append answers.
    pub(crate) answered: Option<u64>,
}

/// Who drives the saga after a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handover {
    /// Its owner, until it rests.
    Kept,
    /// Nobody until this time, or until somebody claims it.
    ReleasedUntil(Option<Timestamp>),
}

/// Why a journal takes no more.
#[derive(Debug)]
pub(crate) enum Recording {
    /// Another owner wrote: this one's time is over.
    Fenced,
    /// There is a saga of this key already.
    KeyTaken(SagaId),
    /// The coordinator halts, and the store has not answered.
    Halted,
    /// The saga could not be recorded in the first place.
    NotStarted(StoreError),
}

/// How often the first record of a saga is tried before its starter hears of the error.
const START_TRIES: u32 = 3;

/// Between tries to reach a store: from this, doubled, up to the other.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

impl Durable<'_> {
    /// Writes `events`, and returns once they are durable. `state` is how the saga stands after them.
    ///
    /// A store that can't is asked again, for as long as it takes: the saga does nothing meanwhile, and what has
    /// been done for it is not forgotten. An answer that was lost is resolved by reading back.
    pub(crate) async fn commit(
        &mut self,
        events: &mut Vec<Event>,
        state: SagaState,
        handover: Handover,
    ) -> Result<(), Recording> {
        if events.is_empty() {
            return Ok(());
        }
        let (is_released, wake_at) = match handover {
            Handover::Kept => (false, None),
            Handover::ReleasedUntil(until) => (true, until),
        };
        let is_owned = !is_released && !state.is_ended() && state != SagaState::Stuck;
        let changes = self.head != Some(state) || is_released;
        let head = changes.then_some(HeadChange { state, owner: is_owned.then_some(self.worker), wake_at });
        let append = Append {
            saga: self.saga,
            expected: self.sequence,
            events: std::mem::take(events),
            head,
            answered: self.answered.take(),
        };
        let (append, at) = if self.committer.gathers {
            // Behind a pointer, as all that waits for a disk: no saga carries its state along.
            Box::pin(self.write(append)).await?
        } else {
            // A store whose commits cost nothing: no queue, and no append that is moved about.
            match self.committer.write_at_once(&append).await {
                Ok(Ok(at)) => (append, at),
                answer => Box::pin(self.answered(Some(append), answer)).await?,
            }
        };
        let started_at = *self.started_at.get_or_insert(at);
        for (event, sequence) in append.events.iter().zip(self.sequence..) {
            let (definition, saga, labels) = (self.definition, self.saga, self.labels);
            self.observer.observe(Observed { definition, saga, labels, started_at, sequence, at, event });
        }
        self.sequence += append.events.len() as u64;
        if changes {
            self.mailbox.show(state);
        }
        self.head = Some(state);
        *events = append.events;
        events.clear();
        Ok(())
    }

    async fn write(&self, append: Append) -> Result<(Append, Timestamp), Recording> {
        // No copy is kept, for the committer hands the append back.
        match self.committer.append(append).await {
            (Some(append), Ok(Ok(at))) => Ok((append, at)),
            (handed_back, answer) => Box::pin(self.answered(handed_back, answer)).await,
        }
    }

    /// What follows an answer that is not simply yes.
    async fn answered(
        &self,
        append: Option<Append>,
        answer: Answer,
    ) -> Result<(Append, Timestamp), Recording> {
        match (append, answer) {
            (Some(append), Ok(Ok(at))) => Ok((append, at)),
            (Some(append), Ok(Err(refusal))) => self.refused(append, refusal).await,
            (Some(append), Err(error)) => self.insist(append, error).await,
            // The whole runtime is going down: leaders are dropped only with it.
            (None, _) => Err(Recording::Halted),
        }
    }

    /// The store has not answered: what it did is found out by reading back, then the append is tried again.
    async fn insist(
        &self,
        mut append: Append,
        mut error: StoreError,
    ) -> Result<(Append, Timestamp), Recording> {
        let mut delay = BACKOFF.0;
        for tries in 1_u32.. {
            tracing::warn!(saga.id = %self.saga, %error, tries, "the store did not take an append; the saga waits");
            if append.expected == 0 && tries >= START_TRIES {
                return self.give_up_start(append, error).await;
            }
            self.pause(&mut delay).await?;
            let (handed_back, answer) = self.committer.append(append).await;
            append = handed_back.ok_or(Recording::Halted)?;
            match answer {
                Ok(Ok(at)) => return Ok((append, at)),
                Ok(Err(refusal)) => return self.refused(append, refusal).await,
                Err(again) => error = again,
            }
        }
        Err(Recording::Halted)
    }

    /// The append's number is taken: by an earlier try of its own whose answer was lost, here or within the store, or by
    /// another owner. That one's first event is another: it says who claimed the saga.
    async fn refused(&self, append: Append, refusal: Refusal) -> Result<(Append, Timestamp), Recording> {
        if let Refusal::KeyTaken { existing } = refusal
            && existing != self.saga
        {
            return Err(Recording::KeyTaken(existing));
        }
        let mut delay = BACKOFF.0;
        loop {
            match self.read_back(&append).await {
                Ok(Some(at)) => return Ok((append, at)),
                Ok(None) => return Err(Recording::Fenced),
                Err(error) => {
                    tracing::warn!(saga.id = %self.saga, %error, "the store cannot be read back");
                    self.pause(&mut delay).await?;
                }
            }
        }
    }

    /// The starter hears of the error. Should the saga turn out to be recorded after all, it is driven.
    async fn give_up_start(
        &self,
        append: Append,
        error: StoreError,
    ) -> Result<(Append, Timestamp), Recording> {
        match self.read_back(&append).await {
            Ok(Some(at)) => Ok((append, at)),
            Ok(None) | Err(_) => Err(Recording::NotStarted(error)),
        }
    }

    /// When the append was taken; `None` if it was not.
    async fn read_back(&self, append: &Append) -> Result<Option<Timestamp>, StoreError> {
        let journal = self.store.load(self.saga).await?;
        let from = usize::try_from(append.expected).unwrap_or(usize::MAX);
        let taken = journal.get(from..).unwrap_or_default();
        let is_taken = taken.len() >= append.events.len()
            && taken.iter().zip(&append.events).all(|(record, event)| record.event == *event);
        Ok(taken.first().filter(|_| is_taken).map(|record| record.at))
    }

    /// Whether the store says that the saga is where this owner left it.
    pub(crate) async fn is_owned(&self) -> bool {
        match self.store.load(self.saga).await {
            Ok(journal) => journal.len() as u64 == self.sequence && owner(&journal) == Some(self.worker),
            Err(error) => {
                tracing::warn!(saga.id = %self.saga, %error, "whose the saga is cannot be read");
                false
            }
        }
    }

    async fn pause(&self, delay: &mut Duration) -> Result<(), Recording> {
        let until = tokio::time::Instant::now() + *delay;
        *delay = delay.saturating_mul(2).min(BACKOFF.1);
        loop {
            if self.mailbox.has(Signal::Halt) {
                return Err(Recording::Halted);
            }
            // Other signals are looked at once the append is through.
            if tokio::time::timeout_at(until, self.mailbox.changed()).await.is_err() {
                return Ok(());
            }
        }
    }
}
