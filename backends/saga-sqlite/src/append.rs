//! Appends: made into rows by the caller, written in the transaction.

use rusqlite::{OptionalExtension, params};
use saga::machine::{Event, SagaStarted, SagaState};
use saga::store::{Append, HeadChange, Refusal};
use saga::{Payload, SagaId, Timestamp};

use crate::error::SqlError;
use crate::rows::signed;
use crate::writer::Write;

/// An append, ready to be written: the caller encodes it, so that the writer has less to do.
pub(crate) struct Rows {
    saga: SagaId,
    expected: i64,
    entries: Vec<(String, Option<Payload>)>,
    head: Option<HeadChange>,
    answered: Option<i64>,
    created: Option<Box<Created>>,
}

/// What is written once.
struct Created {
    started: SagaStarted,
    fingerprint: String,
    labels: String,
}

/// What an append is answered with.
pub(crate) type Answer = Result<Timestamp, Refusal>;

impl Rows {
    pub(crate) fn new(append: &Append) -> Self {
        let payload =
            |event: &Event| event.payload().filter(|payload| !payload.as_bytes().is_empty()).cloned();
        let created = match append.events.first() {
            Some(Event::SagaStarted(started)) if append.expected == 0 => Some(Box::new(Created {
                fingerprint: started.fingerprint.to_string(),
                labels: serde_json::to_string(&started.labels).unwrap_or_default(),
                started: (**started).clone(),
            })),
            _ => None,
        };
        Self {
            saga: append.saga,
            expected: signed(append.expected),
            entries: append.events.iter().map(|event| (event.encode(), payload(event))).collect(),
            head: append.head,
            answered: append.answered.map(signed),
            created,
        }
    }

    pub(crate) fn write(&self, write: &mut Write<'_>) -> Result<Answer, SqlError> {
        let number = match self.find(write)? {
            Ok(number) => number,
            Err(refusal) => return Ok(Err(refusal)),
        };
        for ((event, payload), sequence) in self.entries.iter().zip(self.expected..) {
            add_entry(write, number, sequence, event, payload.as_ref())?;
        }
        if let (Some(head), None) = (self.head, &self.created) {
            change_head(write, number, head)?;
        }
        let is_ended = self.head.is_some_and(|head| head.state.is_ended());
        if let Some(answered) = if is_ended { Some(i64::MAX) } else { self.answered } {
            let answer = "DELETE FROM requests WHERE saga = ?1 AND number <= ?2";
            write.connection.prepare_cached(answer)?.execute(params![number, answered])?;
        }
        Ok(Ok(write.at))
    }

    /// The number of the saga, if its journal is where the append expects it; created here, if it expects none.
    fn find(&self, write: &Write<'_>) -> Result<Result<i64, Refusal>, SqlError> {
        if self.expected == 0 {
            return match (&self.created, self.head) {
                (Some(created), Some(head)) => self.create(write, created, head),
                _ => Ok(Err(Refusal::Conflict)),
            };
        }
        let find =
            "SELECT number, (SELECT max(sequence) FROM journal WHERE saga = number) FROM sagas WHERE id = ?1";
        let found = write
            .connection
            .prepare_cached(find)?
            .query_row([self.saga.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))
            .optional()?;
        Ok(match found {
            Some((number, Some(last))) if last + 1 == self.expected => Ok(number),
            _ => Err(Refusal::Conflict),
        })
    }

    fn create(
        &self,
        write: &Write<'_>,
        created: &Created,
        head: HeadChange,
    ) -> Result<Result<i64, Refusal>, SqlError> {
        let Created { started, fingerprint, labels } = created;
        let at = write.at.as_micros();
        let create = "INSERT INTO sagas (id, definition, version, fingerprint, state, key, labels, owner, wake_at, \
                      due_at, created_at, updated_at, ended_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12) ON CONFLICT DO NOTHING";
        let written = write.connection.prepare_cached(create)?.execute(params![
            self.saga.as_bytes(),
            started.definition,
            started.version,
            fingerprint,
            head.state.as_str(),
            started.key,
            labels,
            head.owner.as_ref().map(saga::WorkerId::as_bytes),
            head.wake_at.map(Timestamp::as_micros),
            due_at(head, write.at),
            at,
            head.state.is_ended().then_some(at),
        ])?;
        if written == 0 {
            return Ok(Err(self.taken(write, started)?));
        }
        let number = write.connection.last_insert_rowid();
        for (name, value) in &started.labels {
            let label = "INSERT INTO labels (name, value, created_at, id, saga) VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![name, value, at, self.saga.as_bytes(), number];
            write.connection.prepare_cached(label)?.execute(values)?;
        }
        Ok(Ok(number))
    }

    /// What stands in the way of a saga: one of its id, or of its key.
    fn taken(&self, write: &Write<'_>, started: &SagaStarted) -> Result<Refusal, SqlError> {
        let find = "SELECT id FROM sagas WHERE id = ?1 UNION ALL SELECT id FROM sagas WHERE definition = ?2 AND key = ?3";
        let existing = write
            .connection
            .prepare_cached(find)?
            .query_row(params![self.saga.as_bytes(), started.definition, started.key], |row| {
                crate::rows::saga(row, 0)
            })?;
        Ok(if existing == self.saga { Refusal::Conflict } else { Refusal::KeyTaken { existing } })
    }
}

/// Writes an entry of a journal.
pub(crate) fn add_entry(
    write: &mut Write<'_>,
    number: i64,
    sequence: i64,
    event: &str,
    payload: Option<&Payload>,
) -> Result<(), SqlError> {
    let position = write.take_position();
    let add =
        "INSERT INTO journal (position, saga, sequence, at, event, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let payload = payload.map(Payload::as_bytes);
    let values = params![position, number, sequence, write.at.as_micros(), event, payload];
    write.connection.prepare_cached(add)?.execute(values)?;
    Ok(())
}

fn change_head(write: &Write<'_>, number: i64, head: HeadChange) -> Result<(), SqlError> {
    let at = write.at.as_micros();
    let change = "UPDATE sagas SET state = ?2, owner = ?3, wake_at = ?4, due_at = ?5, updated_at = ?6, ended_at = ?7 \
                  WHERE number = ?1";
    write.connection.prepare_cached(change)?.execute(params![
        number,
        head.state.as_str(),
        head.owner.as_ref().map(saga::WorkerId::as_bytes),
        head.wake_at.map(Timestamp::as_micros),
        due_at(head, write.at),
        at,
        head.state.is_ended().then_some(at),
    ])?;
    Ok(())
}

/// Since when the saga waits to be taken up; `None` for one that has ended, or rests until it is asked.
fn due_at(head: HeadChange, at: Timestamp) -> Option<i64> {
    let rests = head.state.is_ended() || head.state == SagaState::Stuck;
    (!rests).then(|| head.wake_at.unwrap_or(at).as_micros())
}
