//! A broker that fails on command, and remembers what it got.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{BoxFuture, EventsAfter, QueryStore};
use crate::{Delivery, OutgoingEvent, Publisher, SagaId};

/// A publisher without a broker: it keeps what it is given, and fails where a test says. Clones are one broker.
#[derive(Debug, Clone, Default)]
pub struct FakeBroker(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    events: Vec<OutgoingEvent>,
    calls: usize,
    faults: HashMap<usize, BrokerFault>,
    refused: HashSet<String>,
}

/// What goes wrong in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerFault {
    /// Nothing is kept, and all is put off.
    Later,
    /// The first half of the batch is kept, and all is put off: the answers were lost.
    HalfTaken,
    /// All is kept, and all is put off: the answers were lost.
    AnswerLost,
    /// All is kept, and no answer comes.
    Hang,
    /// Nothing is kept, and the publisher panics.
    Panic,
}

impl FakeBroker {
    /// A broker that takes all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What goes wrong in calls, by their numbers from 0.
    #[must_use]
    pub fn failing(self, faults: impl IntoIterator<Item = (usize, BrokerFault)>) -> Self {
        self.kept().faults.extend(faults);
        self
    }

    /// Refuses the event of this id for good, until it [forgives](Self::forgive).
    pub fn refuse(&self, id: impl Into<String>) {
        self.kept().refused.insert(id.into());
    }

    /// Refuses nothing any more.
    pub fn forgive(&self) {
        self.kept().refused.clear();
    }

    /// All that it kept, duplicates too, in the order in which it came.
    #[must_use]
    pub fn events(&self) -> Vec<OutgoingEvent> {
        self.kept().events.clone()
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.kept().calls
    }

    /// The events of each saga by their sequence numbers, each at its first coming, in that order.
    #[must_use]
    pub fn sequences(&self) -> HashMap<String, Vec<u64>> {
        let (mut sequences, mut seen) = (HashMap::<String, Vec<u64>>::new(), HashSet::new());
        for event in &self.kept().events {
            if seen.insert(event.id.clone()) {
                sequences.entry(event.saga.to_string()).or_default().push(event.sequence);
            }
        }
        sequences
    }

    /// Checks that it got all entries of all journals of `store`, each saga's in order; duplicates only by id.
    ///
    /// # Errors
    ///
    /// With the first saga of which that is not so.
    pub async fn check_complete(&self, store: &dyn QueryStore) -> Result<(), String> {
        let ids: Vec<String> = self.events().into_iter().map(|event| event.id).collect();
        check_delivered(store, &ids).await
    }

    fn take(&self, batch: &[OutgoingEvent]) -> (Vec<Delivery>, Option<BrokerFault>) {
        let mut kept = self.kept();
        let fault = kept.faults.get(&kept.calls).copied();
        kept.calls += 1;

        let sagas: HashSet<SagaId> = batch.iter().map(|event| event.saga).collect();
        assert_eq!(sagas.len(), batch.len(), "a batch has two events of one saga");
        let taken = match fault {
            Some(BrokerFault::Later | BrokerFault::Panic) => 0,
            Some(BrokerFault::HalfTaken) => batch.len() / 2,
            _ => batch.len(),
        };
        let mut answers = Vec::with_capacity(batch.len());
        for (index, event) in batch.iter().enumerate() {
            let is_refused = kept.refused.contains(&event.id);
            if index < taken && !is_refused {
                kept.events.push(event.clone());
            }
            answers.push(match fault {
                Some(_) => Delivery::later("the test says so"),
                None if is_refused => Delivery::refused("the test doesn't want it"),
                None => Delivery::Taken,
            });
        }
        (answers, fault)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that events of these ids, in the order in which a reader got them, are all entries of all journals of `store`,
/// each saga's in order; duplicates only by id.
///
/// # Errors
///
/// With the first saga of which that is not so.
pub async fn check_delivered(store: &(dyn QueryStore + '_), ids: &[String]) -> Result<(), String> {
    let after = EventsAfter { position: 0, limit: usize::MAX >> 1 };
    let entries = store.events(&after).await.map_err(|error| error.to_string())?;
    let mut wanted = BTreeMap::<String, Vec<String>>::new();
    for entry in entries {
        wanted.entry(entry.saga.to_string()).or_default().push(entry.record.sequence.to_string());
    }
    let (mut got, mut seen) = (BTreeMap::<String, Vec<String>>::new(), HashSet::new());
    for id in ids.iter().filter(|id| seen.insert(*id)) {
        let (saga, sequence) = id.rsplit_once('-').ok_or_else(|| format!("`{id}` is no id of an event"))?;
        got.entry(saga.to_owned()).or_default().push(sequence.to_owned());
    }
    for (saga, wanted) in &wanted {
        let got = got.get(saga).cloned().unwrap_or_default();
        if got != *wanted {
            return Err(format!("of saga {saga} came {got:?}, and the journal has {wanted:?}"));
        }
    }
    if got.len() > wanted.len() {
        return Err(format!("events came of {} sagas, and the store has {}", got.len(), wanted.len()));
    }
    Ok(())
}

impl Publisher for FakeBroker {
    fn publish<'a>(&'a self, batch: &'a [OutgoingEvent]) -> BoxFuture<'a, Vec<Delivery>> {
        Box::pin(async move {
            // As any broker, it takes a while.
            tokio::task::yield_now().await;
            let (answers, fault) = self.take(batch);
            match fault {
                Some(BrokerFault::Hang) => std::future::pending().await,
                Some(BrokerFault::Panic) => panic!("the test says so"),
                _ => answers,
            }
        })
    }
}
