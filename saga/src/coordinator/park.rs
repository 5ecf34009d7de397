//! Parking a saga that cannot be driven, and carrying out what can be asked of such a one.

use super::inner::Inner;
use crate::machine::{Event, NotUndone, Record, Request, SagaState, StuckReason, owner};
use crate::observe::Subject;
use crate::store::{Append, HeadChange, StoreError};
use crate::{SagaId, Timestamp};

/// Parks the saga with this reason, at the end of its journal as it is now. Requests that wait are answered: a
/// saga that cannot be driven can only be given up.
pub(super) async fn park_as_is(inner: &Inner, saga: SagaId, reason: StuckReason) -> Result<(), StoreError> {
    let journal = inner.store.load(saga).await?;
    // What another worker owns by now is theirs to drive.
    if owner(&journal) == Some(inner.worker) { park(inner, saga, &journal, reason).await } else { Ok(()) }
}

/// Parks the saga at the end of this journal of it.
pub(super) async fn park(
    inner: &Inner,
    saga: SagaId,
    journal: &[Record],
    reason: StuckReason,
) -> Result<(), StoreError> {
    let requests = inner.store.requests(saga).await?;
    tracing::warn!(saga.id = %saga, code = reason.code().as_str(), %reason, "the saga is parked");
    let abandoned = requests.iter().find_map(|(_, request)| match request {
        Request::Abandon { note } => Some(note.clone()),
        _ => None,
    });
    let mut events = Vec::new();
    for (_, request) in &requests {
        if !matches!(request, Request::Abandon { .. }) {
            let reason = reason.to_string().into();
            events.push(Event::RequestRefused { request: request.name().into(), reason });
        }
    }
    events.push(Event::Stuck { reason: Box::new(reason) });
    let mut state = SagaState::Stuck;
    if let Some(note) = abandoned {
        state = SagaState::Failed;
        events.push(Event::Abandoned { note });
        events.push(Event::Ended { state, not_undone: left_behind(journal) });
    }
    let append = Append {
        saga,
        expected: journal.len() as u64,
        events,
        head: Some(HeadChange { state, owner: None, wake_at: None }),
        answered: requests.last().map(|(number, _)| *number),
    };
    // A conflict is another owner's work: the saga is theirs.
    let (append, answer) = inner.committer.append(append).await;
    if let (Some(append), Ok(Ok(at))) = (append, &answer) {
        tell(inner, journal, append, *at);
    }
    answer.map(|_| ())
}

/// Counts and tells what was appended to this journal: nobody drives the saga, so no driver does.
fn tell(inner: &Inner, journal: &[Record], append: Append, at: Timestamp) {
    let Some(Record { event: Event::SagaStarted(started), at: started_at, .. }) = journal.first() else {
        return;
    };
    let known = inner.registry.get(&started.definition).map(|registered| registered.definition());
    let subject = Subject {
        definition: started.definition.to_string(),
        version: started.version,
        labels: started.labels.clone(),
        started_at: *started_at,
        known: known
            .filter(|known| known.version == started.version && known.fingerprint == started.fingerprint),
    };
    for (event, sequence) in append.events.into_iter().zip(append.expected..) {
        inner.counters.count_undriven(&subject.definition, (*started_at, at), &event);
        inner.hub.send_record(append.saga, Record { sequence, at, event }, &subject);
    }
    inner.publishers.tell();
}

/// The steps that a journal shows as done and not undone. Without the definition they have no names.
pub(super) fn left_behind(journal: &[Record]) -> Vec<NotUndone> {
    let mut done: Vec<usize> = Vec::new();
    for record in journal {
        match record.event {
            Event::StepCompleted { step, .. } if !done.contains(&step) => done.push(step),
            Event::StepCompensated { step, .. } => done.retain(|of| *of != step),
            _ => {}
        }
    }
    let not_undone = |step: usize| {
        NotUndone::new(format!("step {}", step + 1), "the saga was given up, and its definition is not known")
    };
    done.into_iter().map(not_undone).collect()
}
