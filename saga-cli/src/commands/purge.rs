//! `saga purge`.

use saga::SagaState;
use saga::store::{Purge as Which, Store};
use saga::{SagaFilter, Timestamp};
use serde_json::json;

use crate::args::{Place, Purge};
use crate::error::{Exit, Problem};
use crate::filter::Pages;
use crate::open::{Mode, open};
use crate::output::Output;
use crate::time::{before, second};

/// As many sagas go at once, so that those that run are not held up.
const BATCH: u64 = 1_000;

/// A preview counts no further.
const PREVIEW_MAX: u64 = 100_000;

pub(crate) async fn run(place: &Place, purge: &Purge, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let ended_before = before(store.ping().await?, purge.older_than);
    let all = SagaState::ALL.into_iter().filter(|state| state.is_ended());
    let states: Vec<SagaState> = if purge.states.is_empty() { all.collect() } else { purge.states.clone() };
    if let Some(open) = states.iter().find(|state| !state.is_ended()) {
        output.aside(&format!("{open} is no end: such sagas are never purged"));
    }
    if !purge.yes {
        let (count, is_all) = count(store.as_ref(), &states, ended_before, purge.limit).await?;
        let text = || {
            let most = if is_all { "" } else { "at least " };
            let when = second(ended_before);
            format!(
                "{most}{count} sagas ended before {when} and would be deleted with their journals: add --yes\n"
            )
        };
        output.write(text, || json!({ "would_purge": count, "is_exact": is_all, "purged": 0 }))?;
        return Ok(if count == 0 { Exit::Done } else { Exit::Refused });
    }
    let mut purged = 0;
    while purged < purge.limit {
        let limit = (purge.limit - purged).min(BATCH);
        let which = Which {
            ended_before,
            states: states.clone(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let taken = store.purge(&which).await?;
        purged += taken;
        if taken == 0 {
            break;
        }
    }
    output.write(|| format!("{purged} sagas are deleted\n"), || json!({ "purged": purged }))?;
    Ok(Exit::Done)
}

/// How many match, as far as it is counted; whether that is all.
async fn count(
    store: &dyn Store,
    states: &[SagaState],
    ended_before: Timestamp,
    limit: u64,
) -> Result<(u64, bool), Problem> {
    let mut filter = SagaFilter::new().limit(1_000);
    filter.states = states.iter().copied().filter(|state| state.is_ended()).collect();
    // Created before it ended.
    filter.created_before = Some(ended_before);
    if filter.states.is_empty() {
        return Ok((0, true));
    }
    let mut pages = Pages::new(filter);
    let mut count = 0;
    while let Some(sagas) = pages.next(store).await? {
        let old = sagas.iter().filter(|saga| saga.ended_at.is_some_and(|at| at < ended_before));
        count += old.count() as u64;
        if count >= limit {
            return Ok((limit, true));
        }
        if count >= PREVIEW_MAX {
            return Ok((count, false));
        }
    }
    Ok((count, true))
}
