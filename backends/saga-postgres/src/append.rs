//! Appends: many sagas' in one statement and one commit.

use std::collections::HashSet;

use saga::machine::{Event, SagaStarted, SagaState};
use saga::store::{Append, HeadChange, Refusal, StoreResult};
use saga::{SagaId, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{Database, Repeat, Value};
use crate::error::SqlError;
use crate::rows::{self, Time, escape, labels, signed, uuid, worker_uuid};

/// What an append is answered with.
pub(crate) type Answer = Result<Timestamp, Refusal>;

/// The statement of a [`Wave`].
pub(crate) const APPEND: &str = "SELECT * FROM {s}.append_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
                                 $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)";

/// The statement of a [`Wave`] of steps.
const APPEND_STEPS: &str = "SELECT * FROM {s}.append_steps_1($1, $2, $3, $4)";

/// One statement takes no more bytes than this, but for a single append that has more.
const WAVE_BYTES_MAX: usize = 16 << 20;

/// Nor more entries: their places in the transaction have 20 bits.
const WAVE_ENTRIES_MAX: usize = 100_000;

/// Writes the batch, and says of each append what became of it.
///
/// A batch of different sagas is one statement. Where one saga appears twice, the second append has to see what the
/// first wrote, so it is of the next statement. Each is a transaction of its own: what follows an entry must have the
/// higher transaction number.
pub(crate) async fn append(database: &Database, batch: &[Append]) -> StoreResult<Vec<Answer>> {
    let mut answers = vec![Err(Refusal::Conflict); batch.len()];
    let mut open: Vec<usize> = (0..batch.len()).collect();
    while !open.is_empty() {
        let (taken, left) = Wave::of(batch, &open);
        let wave = Wave::new(taken.iter().map(|index| &batch[*index]));
        let rows = if wave.is_steps() {
            database.query(Repeat::IfUndone, APPEND_STEPS, &wave.steps()).await?
        } else {
            database.query(Repeat::IfUndone, APPEND, &wave.values()).await?
        };
        let mut written = Written::read(&rows).map_err(|error| error.told(&database.place))?;
        for index in taken {
            let append = &batch[index];
            answers[index] = match written.take(append.saga) {
                Some(at) => Ok(at),
                None => match key_of(append) {
                    Some(started) => Err(refusal(database, append.saga, started).await?),
                    None => Err(Refusal::Conflict),
                },
            };
        }
        open = left;
    }
    Ok(answers)
}

/// What creates a saga, if that has a key.
fn key_of(append: &Append) -> Option<&SagaStarted> {
    match append.events.first() {
        Some(Event::SagaStarted(started)) if append.expected == 0 && started.key.is_some() => Some(started),
        _ => None,
    }
}

/// Finds what stands in the way of a saga: one of its id, or of its key.
pub(crate) const OBSTACLE: &str = "SELECT id FROM {s}.sagas WHERE id = $1 UNION ALL SELECT id FROM {s}.sagas \
    WHERE key IS NOT NULL AND definition = $2 AND sha256(decode(key, 'escape')) = sha256(decode($3, 'escape')) LIMIT 1";

async fn refusal(database: &Database, saga: SagaId, started: &SagaStarted) -> StoreResult<Refusal> {
    let key = escape(started.key.as_deref().unwrap_or_default());
    let definition = escape(&started.definition);
    let rows = database.query(Repeat::Always, OBSTACLE, &[&uuid(saga), &definition, &key]).await?;
    let existing = rows.first().map(|row| rows::saga(row, 0)).transpose();
    Ok(match existing.map_err(|error| error.told(&database.place))? {
        Some(existing) if existing != saga => Refusal::KeyTaken { existing },
        Some(_) => Refusal::Conflict,
        // It was purged since: whoever tries again succeeds.
        None => return Err(saga::StoreError::unavailable("what had the key is being deleted: try again")),
    })
}

/// Which sagas were written, and when.
struct Written(Vec<(SagaId, Timestamp)>);

impl Written {
    fn read(rows: &[Row]) -> Result<Self, SqlError> {
        let mut written = Vec::with_capacity(rows.len());
        for row in rows {
            written.push((rows::saga(row, 0)?, rows::time(row, 1)?));
        }
        written.sort_unstable();
        Ok(Self(written))
    }

    fn take(&mut self, saga: SagaId) -> Option<Timestamp> {
        let place = self.0.binary_search_by_key(&saga, |(saga, _)| *saga).ok()?;
        Some(self.0[place].1)
    }
}

/// Appends to different sagas, as the parameters of a statement: a column each.
#[derive(Default)]
pub(crate) struct Wave<'a> {
    new: New,
    begun: Entries<'a>,
    entries: Entries<'a>,
    /// For each of the entries the number of the first of its append.
    firsts: Vec<i64>,
    appends: usize,
    is_among_others: bool,
    head: Heads,
    /// For each head the number of the first entry of its append.
    head_firsts: Vec<i64>,
    answered_saga: Vec<Uuid>,
    answered_number: Vec<i64>,
}

#[derive(Default)]
struct Entries<'a> {
    saga: Vec<Uuid>,
    sequence: Vec<i64>,
    event: Vec<String>,
    payload: Vec<Option<&'a [u8]>>,
}

#[derive(Default)]
struct New {
    saga: Vec<Uuid>,
    definition: Vec<String>,
    version: Vec<i64>,
    fingerprint: Vec<String>,
    key: Vec<Option<String>>,
    labels: Vec<String>,
    head: Heads,
}

#[derive(Default)]
struct Heads {
    saga: Vec<Uuid>,
    state: Vec<&'static str>,
    owner: Vec<Option<Uuid>>,
    wake_at: Vec<Option<Time>>,
    is_due: Vec<bool>,
    is_ended: Vec<bool>,
}

impl<'a> Wave<'a> {
    /// The appends of `open` that one statement can take, and those that are left for the next: the second of a saga
    /// or a key with all behind it that have to do with them, and what is too much.
    fn of(batch: &[Append], open: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let (mut taken, mut left) = (Vec::with_capacity(open.len()), Vec::new());
        let (mut sagas, mut keys) = (HashSet::with_capacity(open.len()), HashSet::new());
        let (mut bytes, mut entries) = (0, 0);
        for &index in open {
            let append = &batch[index];
            let size: usize =
                append.events.iter().filter_map(Event::payload).map(|payload| payload.as_bytes().len()).sum();
            let is_full = !taken.is_empty()
                && (bytes + size > WAVE_BYTES_MAX || entries + append.events.len() > WAVE_ENTRIES_MAX);
            let key = key_of(append).map(|started| (&started.definition, &started.key));
            // Both are noted also where it is left: what comes behind it is not to overtake it.
            let is_new_saga = sagas.insert(append.saga);
            let is_new_key = key.is_none_or(|key| keys.insert(key));
            if is_full || !is_new_saga || !is_new_key {
                left.push(index);
            } else {
                bytes += size;
                entries += append.events.len();
                taken.push(index);
            }
        }
        // The same order for all who write: no two wait for each other.
        taken.sort_unstable_by_key(|index| batch[*index].saga);
        (taken, left)
    }

    pub(crate) fn new(appends: impl Iterator<Item = &'a Append>) -> Self {
        let mut wave = Self::default();
        let mut created = Vec::new();
        for append in appends {
            wave.appends += 1;
            let saga = uuid(append.saga);
            let first = signed(append.expected);
            match (append.expected, append.head, append.events.first()) {
                (0, Some(head), Some(Event::SagaStarted(started))) => created.push((saga, &**started, head)),
                (1.., Some(head), _) => {
                    wave.head.push(saga, head);
                    wave.head_firsts.push(first);
                }
                _ => {}
            }
            let entries = if append.expected == 0 { &mut wave.begun } else { &mut wave.entries };
            for (place, event) in append.events.iter().enumerate() {
                let payload = event.payload().map(saga::Payload::as_bytes).filter(|bytes| !bytes.is_empty());
                entries.saga.push(saga);
                entries.sequence.push(signed(append.expected.saturating_add(place as u64)));
                entries.event.push(event.encode());
                entries.payload.push(payload);
            }
            wave.firsts.resize(wave.entries.saga.len(), first);
            let is_ended = append.head.is_some_and(|head| head.state.is_ended());
            if let Some(answered) = if is_ended { Some(i64::MAX) } else { append.answered.map(signed) } {
                wave.answered_saga.push(saga);
                wave.answered_number.push(answered);
            }
        }
        // By key: the same order for all.
        created.sort_unstable_by_key(|(saga, started, _)| (&started.definition, &started.key, *saga));
        for (saga, started, head) in created {
            wave.new.push(saga, started, head);
        }
        wave
    }

    /// The same, in a transaction that may have started other sagas.
    pub(crate) fn among_others(self) -> Self {
        Self { is_among_others: true, ..self }
    }

    /// Whether each append is one entry behind another, and changes nothing else.
    fn is_steps(&self) -> bool {
        let Self { begun, entries, appends, head, answered_saga, .. } = self;
        let is_all_entries = begun.saga.is_empty() && head.saga.is_empty() && answered_saga.is_empty();
        is_all_entries && entries.saga.len() == *appends
    }

    fn steps(&self) -> [Value<'_>; 4] {
        let Entries { saga, sequence, event, payload, .. } = &self.entries;
        [saga, sequence, event, payload]
    }

    pub(crate) fn values(&self) -> [Value<'_>; 30] {
        let Self { new, begun, entries, firsts, head, head_firsts, .. } = self;
        let Self { answered_saga, answered_number, is_among_others, .. } = self;
        [
            &new.saga,
            &new.definition,
            &new.version,
            &new.fingerprint,
            &new.key,
            &new.labels,
            &new.head.state,
            &new.head.owner,
            &new.head.wake_at,
            &new.head.is_due,
            &new.head.is_ended,
            &begun.saga,
            &begun.sequence,
            &begun.event,
            &begun.payload,
            &entries.saga,
            firsts,
            &entries.sequence,
            &entries.event,
            &entries.payload,
            &head.saga,
            head_firsts,
            &head.state,
            &head.owner,
            &head.wake_at,
            &head.is_due,
            &head.is_ended,
            answered_saga,
            answered_number,
            is_among_others,
        ]
    }
}

impl New {
    fn push(&mut self, saga: Uuid, started: &SagaStarted, head: HeadChange) {
        self.head.push(saga, head);
        self.saga.push(saga);
        self.definition.push(escape(&started.definition));
        self.version.push(i64::from(started.version));
        self.fingerprint.push(started.fingerprint.to_string());
        self.key.push(started.key.as_deref().map(escape));
        self.labels.push(labels(&started.labels));
    }
}

impl Heads {
    fn push(&mut self, saga: Uuid, head: HeadChange) {
        self.saga.push(saga);
        self.state.push(head.state.as_str());
        self.owner.push(head.owner.map(worker_uuid));
        self.wake_at.push(head.wake_at.map(Time));
        self.is_due.push(!head.state.is_ended() && head.state != SagaState::Stuck);
        self.is_ended.push(head.state.is_ended());
    }
}
