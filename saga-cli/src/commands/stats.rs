//! `saga stats`.

use std::fmt::Write as _;

use saga::store::{QueryStore, Sort, Store};
use saga::{SagaFilter, SagaInstance, SagaState};
use serde_json::json;

use super::instance_json;
use crate::args::Place;
use crate::error::{Exit, Problem};
use crate::open::{Mode, open};
use crate::output::{Output, plain};
use crate::time::{second, short};

pub(crate) async fn run(place: &Place, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let counts = store.counts().await?;
    let workers = store.workers().await?;
    let now = store.ping().await?;
    let active = [SagaState::Pending, SagaState::Running, SagaState::Compensating];
    let oldest_active = oldest(store.as_ref(), &active).await?;
    let oldest_stuck = oldest(store.as_ref(), &[SagaState::Stuck]).await?;
    let count = |state: SagaState| counts.get(&state).copied().unwrap_or(0);
    let text = || {
        // Writing to a `String` cannot fail.
        let mut text = format!("{} store, {}\n", store.name(), second(now));
        for state in SagaState::ALL {
            let line = format!("{:>12}  {}", state.as_str(), count(state));
            text.push_str(&if count(state) > 0 {
                output.of_state(state, &line)
            } else {
                output.faint(&line)
            });
            text.push('\n');
        }
        _ = writeln!(text, "{:>12}  {} alive", "workers", workers.len());
        for (what, saga) in [("active", &oldest_active), ("stuck", &oldest_stuck)] {
            if let Some(saga) = saga {
                let (age, definition) = (short(now.since(saga.created_at)), plain(&saga.definition));
                _ = writeln!(text, "the oldest {what} saga: {} ({definition}), for {age}", saga.id);
            }
        }
        text
    };
    let value = || {
        let states = SagaState::ALL.into_iter().map(|state| (state.as_str().to_owned(), json!(count(state))));
        let lease = |lease: &saga::store::WorkerLease| json!({ "id": lease.worker, "leased_until": lease.leased_until.to_string() });
        json!({
            "store": store.name(),
            "now": now.to_string(),
            "counts": states.collect::<serde_json::Map<_, _>>(),
            "workers": workers.iter().map(lease).collect::<Vec<_>>(),
            "oldest_active": oldest_active.as_ref().map(instance_json),
            "oldest_stuck": oldest_stuck.as_ref().map(instance_json),
        })
    };
    output.write(text, value)?;
    Ok(Exit::Done)
}

async fn oldest(store: &dyn Store, states: &[SagaState]) -> Result<Option<SagaInstance>, Problem> {
    let mut filter = SagaFilter::new().sort(Sort::OldestFirst).limit(1);
    filter.states = states.to_vec();
    Ok(QueryStore::list(store, &filter).await?.sagas.pop())
}
