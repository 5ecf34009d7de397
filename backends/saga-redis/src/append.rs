//! Appends: one script a batch and partition.

use std::collections::HashMap;

use futures_util::future::{join, join_all, try_join_all};
use redis::Value;
use saga::machine::{Event, SagaStarted};
use saga::store::{Append, Refusal, StoreResult};
use saga::{SagaId, StoreError, Timestamp};

use crate::key::KeyRecord;
use crate::link::Kind;
use crate::rows;
use crate::script::{APPEND, Call};
use crate::store::Shared;

/// What an append is answered with.
pub(crate) type Answer = Result<Timestamp, Refusal>;

/// What the script says to one append.
pub(crate) enum Said {
    Taken(Timestamp),
    Conflict,
    /// The saga is there already, with the same key.
    Same,
    /// The key's record says this.
    Key(String),
    /// The reservation of the key was taken away, or is too old.
    Void,
}

/// How a create comes to its key.
pub(crate) enum Reserved {
    /// The record is in the same partition, and written by the same script.
    Here,
    /// By a reservation that is good until this time of the server's.
    By { nonce: String, not_after: i64 },
}

pub(crate) fn started(append: &Append) -> Option<&SagaStarted> {
    match append.events.first() {
        Some(Event::SagaStarted(started)) if append.expected == 0 && append.head.is_some() => Some(started),
        _ => None,
    }
}

impl Shared {
    pub(crate) async fn append(&self, batch: &[Append]) -> StoreResult<Vec<Answer>> {
        let partitions = &self.partitions;
        if partitions.count() == 1 {
            return self.append_here(0, &batch.iter().collect::<Vec<_>>()).await;
        }
        // Each partition's appends, in the order of the batch. Where a key's record may be in another partition, its
        // saga goes its own way, and those of one key go one after the other.
        let mut plain: HashMap<u16, Vec<usize>> = HashMap::new();
        let mut keyed: HashMap<SagaId, usize> = HashMap::new();
        let mut ways: Vec<(KeyRecord, Vec<Vec<usize>>)> = Vec::new();
        for (index, append) in batch.iter().enumerate() {
            let key = started(append).and_then(|started| KeyRecord::of(started, partitions));
            match (keyed.get(&append.saga), key.filter(|_| partitions.count() > 1)) {
                (None, None) => plain.entry(partitions.of(append.saga)).or_default().push(index),
                (Some(way), _) => {
                    let groups = &mut ways[*way].1;
                    let of_saga = groups.iter_mut().find(|group| batch[group[0]].saga == append.saga);
                    if let Some(group) = of_saga {
                        group.push(index);
                    }
                }
                (None, Some(key)) => {
                    let known = ways.iter().position(|(other, _)| *other == key);
                    let way = known.unwrap_or_else(|| {
                        ways.push((key, Vec::new()));
                        ways.len() - 1
                    });
                    keyed.insert(append.saga, way);
                    ways[way].1.push(vec![index]);
                }
            }
        }
        let plain = plain.into_iter().map(async |(partition, indexes)| {
            let appends: Vec<&Append> = indexes.iter().map(|index| &batch[*index]).collect();
            let answers = self.append_here(partition, &appends).await?;
            Ok::<_, StoreError>(indexes.into_iter().zip(answers).collect::<Vec<_>>())
        });
        let ways = ways.into_iter().map(async |(key, groups)| {
            let mut answers = Vec::new();
            for indexes in groups {
                let appends: Vec<&Append> = indexes.iter().map(|index| &batch[*index]).collect();
                answers.extend(indexes.into_iter().zip(self.append_keyed(&key, &appends).await?));
            }
            Ok::<_, StoreError>(answers)
        });
        // All come to their end, also where one fails: nothing of this batch is written behind the caller's back.
        let (plain, ways) = join(join_all(plain), join_all(ways)).await;
        let mut answers: Vec<Option<Answer>> = vec![None; batch.len()];
        for part in plain.into_iter().chain(ways) {
            for (index, answer) in part? {
                answers[index] = Some(answer);
            }
        }
        let answers: Option<Vec<Answer>> = answers.into_iter().collect();
        answers.ok_or_else(|| StoreError::broken("an append of a batch got no answer"))
    }

    /// Appends to one partition, whose keys, if any, are in it too.
    async fn append_here(&self, partition: u16, appends: &[&Append]) -> StoreResult<Vec<Answer>> {
        let said = self.write(partition, appends, &Reserved::Here).await?;
        if !said.iter().any(|said| matches!(said, Said::Key(_))) {
            return appends.iter().zip(said).map(|(append, said)| said.answer(append)).collect();
        }
        let answers = appends.iter().zip(said).map(async |(append, said)| match said {
            Said::Key(holder) => self.append_to_taken(append, &holder).await,
            said => said.answer(append),
        });
        try_join_all(answers).await
    }

    /// Runs the script.
    pub(crate) async fn write(
        &self,
        partition: u16,
        appends: &[&Append],
        reserved: &Reserved,
    ) -> StoreResult<Vec<Said>> {
        let mut call = self.script(&APPEND, partition).with(appends.len());
        for append in appends {
            self.push(&mut call, append, reserved);
        }
        let answer = self.link.call(&call, Kind::Once).await?;
        let said: Vec<Said> = rows::list(answer)?.into_iter().map(Said::read).collect::<Result<_, _>>()?;
        if said.len() != appends.len() {
            return Err(StoreError::broken("a batch got another number of answers than it has appends"));
        }
        for said in &said {
            if let Said::Taken(at) = said {
                self.see(*at);
            }
        }
        Ok(said)
    }

    /// The arguments of one append: its kind, and what that needs.
    fn push(&self, call: &mut Call, append: &Append, reserved: &Reserved) {
        let started = started(append);
        let is_plain = append.head.is_none() && append.answered.is_none() && append.events.len() == 1;
        if is_plain {
            call.push("entry");
            call.push(append.saga.to_string());
            call.push(append.expected);
            return call.push(rows::entry(&append.events[0]));
        }
        let record = started.and_then(|started| KeyRecord::of(started, &self.partitions));
        call.push(match (started, &record) {
            (None, _) => "change",
            (Some(_), None) => "create",
            (Some(_), Some(_)) => "keyed",
        });
        call.push(append.saga.to_string());
        call.push(append.expected);
        call.push(append.events.len());
        for event in &append.events {
            call.push(rows::entry(event));
        }
        match append.head {
            Some(head) => {
                call.push(head.state.as_str());
                call.push(head.owner.map_or_else(|| "-".to_owned(), |owner| owner.to_string()));
                call.push(head.wake_at.map_or_else(String::new, |at| at.as_micros().to_string()));
            }
            None => ["", "-", ""].into_iter().for_each(|empty| call.push(empty)),
        }
        let Some(started) = started else {
            return call.push(append.answered.map_or_else(String::new, |number| number.to_string()));
        };
        call.push(&*started.definition);
        call.push(started.version);
        call.push(started.fingerprint.to_string());
        call.push(rows::labels(&started.labels));
        let Some(record) = record else { return };
        call.push(started.key.as_deref().unwrap_or_default());
        call.push(&record.name);
        match reserved {
            Reserved::Here => ["here", "", "0"].into_iter().for_each(|argument| call.push(argument)),
            Reserved::By { nonce, not_after } => {
                call.push("reserved");
                call.push(nonce);
                call.push(*not_after);
            }
        }
    }
}

impl Said {
    fn read(value: Value) -> StoreResult<Self> {
        if let Value::Int(at) = value {
            return Ok(Self::Taken(Timestamp::from_micros(at)));
        }
        let text: String = rows::read(value)?;
        Ok(match text.strip_prefix('!') {
            Some("conflict") => Self::Conflict,
            Some("same") => Self::Same,
            Some("void" | "late") => Self::Void,
            Some(other) => match other.strip_prefix("key ") {
                Some(holder) => Self::Key(holder.to_owned()),
                None => return Err(unforeseen(&text)),
            },
            None => return Err(unforeseen(&text)),
        })
    }

    /// The answer, where it needs no look at anything else.
    pub(crate) fn answer(self, append: &Append) -> StoreResult<Answer> {
        match self {
            Self::Taken(at) => Ok(Ok(at)),
            Self::Conflict | Self::Same => Ok(Err(Refusal::Conflict)),
            Self::Key(_) | Self::Void => {
                Err(StoreError::broken(format!("saga {} was refused for a key that it has not", append.saga)))
            }
        }
    }
}

fn unforeseen(answer: &str) -> StoreError {
    StoreError::broken(format!("an append is answered with `{answer}`"))
}
