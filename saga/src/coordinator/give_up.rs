//! Gives up a parked saga that no live worker knows: whoever is asked does it, for nobody would answer a request.

use super::inner::Inner;
use super::park::left_behind;
use crate::machine::{Action, Event, NotUndone, Record, Situation, StepSet, fold};
use crate::store::{Append, DefinitionKey, HeadChange, SagaInstance, StoreResult};
use crate::{Definition, SagaState};

/// Writes what a worker who knows the saga would, in one append behind the fence: `claimed`, `abandoned`, `ended`.
/// Whether it did: where a live worker owns the saga, or knows its definition, it is that one's to do.
pub(super) async fn give_up(inner: &Inner, saga: &SagaInstance, note: &str) -> StoreResult<bool> {
    let key = DefinitionKey::of_instance(saga);
    if inner.beat.definitions.contains(&key) || inner.live.get(saga.id).is_some() {
        return Ok(false);
    }
    if let Some(owner) = saga.owner
        && inner.store.workers().await?.iter().any(|lease| lease.worker == owner)
    {
        return Ok(false);
    }
    if !inner.store.unknown().await?.iter().any(|unknown| unknown.definition == key) {
        return Ok(false);
    }
    let journal = inner.store.load(saga.id).await?;
    let requests = inner.store.requests(saga.id).await?;
    let shape = inner.store.shape(&key).await?;
    let definition = shape.and_then(|shape| shape.definition().ok());
    let claimed = Event::Claimed { worker: inner.worker };
    let abandoned = Event::Abandoned { note: note.to_owned() };
    let named = definition.and_then(|definition| {
        not_undone(inner, &definition, &journal, &[claimed.clone(), abandoned.clone()])
    });
    let not_undone = named.unwrap_or_else(|| left_behind(&journal));
    let state = SagaState::Failed;
    let append = Append {
        saga: saga.id,
        expected: journal.len() as u64,
        events: vec![claimed, abandoned, Event::Ended { state, not_undone }],
        head: Some(HeadChange { state, owner: None, wake_at: None }),
        answered: requests.last().map(|(number, _)| *number),
    };
    let (_, answer) = inner.committer.append(append).await;
    // A conflict is a worker who knows the saga, and has come meanwhile.
    Ok(answer?.is_ok())
}

/// What is left behind, by the names of the shape that a coordinator left in the store; `None` where the journal is not
/// of that shape.
fn not_undone(
    inner: &Inner,
    definition: &Definition,
    journal: &[Record],
    then: &[Event],
) -> Option<Vec<NotUndone>> {
    let mut state = fold(definition, journal).ok()?;
    for event in then {
        state.apply(definition, event).ok()?;
    }
    let situation = Situation { now: inner.clock.now(), running: StepSet::EMPTY, defaults: &inner.defaults };
    match state.next(definition, &situation) {
        Action::Record(Event::Ended { state: SagaState::Failed, not_undone }) => Some(not_undone),
        _ => None,
    }
}
