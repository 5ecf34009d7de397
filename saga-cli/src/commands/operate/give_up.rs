//! `saga abandon --now`: gives a parked saga up without a worker, also one whose code is gone.
//!
//! It is what a worker would write, in one append behind the fence: `claimed`, `abandoned`, `ended`. A worker that came
//! alive meanwhile and wrote anything makes the append a conflict, and nothing is changed.

use saga::machine::{Action, Event, Situation, StepSet, fold};
use saga::policy::Defaults;
use saga::store::{Append, HeadChange, Store};
use saga::{SagaId, SagaState, WorkerId};
use serde_json::json;

use super::{ids, targets};
use crate::args::{Abandon, Place};
use crate::commands::{alive, definition_of};
use crate::error::{Exit, Problem};
use crate::filter::instance;
use crate::open::{Mode, open};
use crate::output::{Output, plain};

pub(super) async fn run(place: &Place, abandon: &Abandon, output: &Output) -> Result<Exit, Problem> {
    // A file of SQLite that a process has open cannot be opened so: that process is alive.
    let store = open(place, Mode::Whole).await?;
    let alive = alive(store.as_ref()).await?.len();
    if alive > 0 {
        return Err(Problem::WorkersAlive { alive });
    }
    let Some(sagas) = targets(store.as_ref(), &abandon.targets, true, "abandon", output).await? else {
        return Ok(Exit::Refused);
    };
    for id in ids(&sagas) {
        let left = give_up(store.as_ref(), id, &abandon.note).await?;
        let text = || format!("{id}  abandon: done, it is failed; not undone: {}\n", plain(&left.join(", ")));
        output.write(text, || {
            json!({ "saga": id, "request": "abandon", "answer": "carried_out", "state": "failed", "not_undone": left })
        })?;
    }
    Ok(Exit::Done)
}

/// Gives one saga up; what it leaves behind.
async fn give_up(store: &dyn Store, id: SagaId, note: &str) -> Result<Vec<String>, Problem> {
    let saga = instance(store, id).await?;
    if saga.state.is_ended() {
        return Err(Problem::Ended { saga: id, state: saga.state });
    }
    if saga.state != SagaState::Stuck {
        return Err(Problem::NotStuck { saga: id, state: saga.state, request: "abandoned" });
    }
    let no_shape = || Problem::NoShape { definition: saga.definition.clone() };
    let definition = definition_of(store, &saga).await?.ok_or_else(no_shape)?;
    let journal = store.load(id).await?;
    let requests = store.requests(id).await?;
    let broken =
        |error: saga::machine::IllegalEvent| Problem::from(saga::StoreError::broken(error.to_string()));
    let mut state = fold(&definition, &journal).map_err(broken)?;
    let mut events =
        vec![Event::Claimed { worker: WorkerId::new() }, Event::Abandoned { note: note.to_owned() }];
    for event in &events {
        state.apply(&definition, event).map_err(broken)?;
    }
    let defaults = Defaults::new();
    let situation = Situation { now: store.ping().await?, running: StepSet::EMPTY, defaults: &defaults };
    let Action::Record(ended) = state.next(&definition, &situation) else {
        return Err(Problem::Moved { saga: id });
    };
    let left = match &ended {
        Event::Ended { not_undone, .. } => not_undone.iter().map(|left| left.step.clone()).collect(),
        _ => Vec::new(),
    };
    events.push(ended);
    let append = Append {
        saga: id,
        expected: journal.len() as u64,
        events,
        head: Some(HeadChange { state: SagaState::Failed, owner: None, wake_at: None }),
        answered: requests.last().map(|(number, _)| *number),
    };
    match store.append_one(&append).await? {
        Ok(_) => Ok(left),
        Err(_) => Err(Problem::Moved { saga: id }),
    }
}
