//! `saga cancel`, `retry`, `skip`, `abandon`.
//!
//! Nothing is done to a saga from here: a request is written to the store, and its owner, or the worker that takes it
//! up for that, carries it out. So what can be said is: asked, and what was answered in time. The one exception
//! is `abandon --now`, in `give_up`.

mod give_up;

use std::time::Duration;

use saga::machine::{Event, Record, Request};
use saga::store::Store;
use saga::{SagaId, SagaInstance, SagaState};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{alive, definition_of, instance_json};
use crate::args::{Abandon, Cancel, Place, Retry, Skip, Targets};
use crate::error::{Exit, Problem};
use crate::filter::{Pages, instance};
use crate::open::{Mode, open};
use crate::output::{Output, plain};

pub(crate) async fn cancel(place: &Place, cancel: &Cancel, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let request = Request::Cancel { reason: cancel.reason.clone() };
    each(store.as_ref(), &cancel.targets, &request, output).await
}

pub(crate) async fn retry(place: &Place, retry: &Retry, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    each(store.as_ref(), &retry.targets, &Request::Retry, output).await
}

pub(crate) async fn skip(place: &Place, skip: &Skip, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let saga = instance(store.as_ref(), skip.id).await?;
    if let Some(definition) = definition_of(store.as_ref(), &saga).await?
        && definition.step_index(&skip.step).is_none()
    {
        let known: Vec<String> = definition.steps.iter().map(|step| format!("`{}`", step.name)).collect();
        let (step, known) = (skip.step.clone(), known.join(", "));
        return Err(Problem::UnknownStep { definition: saga.definition, step, known });
    }
    let request = Request::Skip { step: skip.step.clone(), note: skip.note.clone() };
    let answer = ask(store.as_ref(), &saga, &request, skip.wait).await?;
    answer.write(output)
}

pub(crate) async fn abandon(place: &Place, abandon: &Abandon, output: &Output) -> Result<Exit, Problem> {
    if abandon.now {
        return give_up::run(place, abandon, output).await;
    }
    let store = open(place, Mode::Beside).await?;
    each(store.as_ref(), &abandon.targets, &Request::Abandon { note: abandon.note.clone() }, output).await
}

/// The sagas that are named, or match; `None` where a preview was written instead.
async fn targets(
    store: &dyn Store,
    targets: &Targets,
    needs_stuck: bool,
    what: &str,
    output: &Output,
) -> Result<Option<Vec<SagaInstance>>, Problem> {
    let mut sagas = Vec::new();
    match (targets.ids.is_empty(), targets.filter.is_empty()) {
        (true, true) => return Err(Problem::NoTarget),
        (false, false) => return Err(Problem::TwoTargets),
        (false, true) => {
            for id in &targets.ids {
                sagas.push(instance(store, *id).await?);
            }
            return Ok(Some(sagas));
        }
        (true, false) => {}
    }
    let mut filter = targets.filter.filter(store).await?;
    let may_be = |state: SagaState| if needs_stuck { state == SagaState::Stuck } else { !state.is_ended() };
    if filter.states.is_empty() {
        filter.states = SagaState::ALL.into_iter().filter(|state| may_be(*state)).collect();
    }
    let mut pages = Pages::new(filter);
    while let Some(page) = pages.next(store).await? {
        sagas.extend(page.into_iter().filter(|saga| may_be(saga.state)));
    }
    if targets.yes || sagas.is_empty() {
        return Ok(Some(sagas));
    }
    let text = || {
        let line = |saga: &SagaInstance| {
            format!("{}  {:12}  {}\n", saga.id, saga.state.as_str(), plain(&saga.definition))
        };
        let list: String = sagas.iter().map(line).collect();
        format!("{list}{} sagas would be asked: {what}. Add --yes to ask them\n", sagas.len())
    };
    output.write(
        text,
        || json!({ "request": what, "would_ask": sagas.iter().map(instance_json).collect::<Vec<_>>() }),
    )?;
    Ok(None)
}

async fn each(
    store: &dyn Store,
    asked: &Targets,
    request: &Request,
    output: &Output,
) -> Result<Exit, Problem> {
    let needs_stuck = !matches!(request, Request::Cancel { .. });
    let Some(sagas) = targets(store, asked, needs_stuck, request.name(), output).await? else {
        return Ok(Exit::Refused);
    };
    if sagas.is_empty() {
        output.write(|| "no saga matches\n".to_owned(), || json!({ "asked": 0 }))?;
        return Ok(Exit::Done);
    }
    let is_one = sagas.len() == 1;
    let mut exit = Exit::Done;
    for saga in &sagas {
        let told = match ask(store, saga, request, asked.wait).await {
            Ok(answer) => answer.write(output)?,
            Err(problem @ (Problem::Ended { .. } | Problem::NotStuck { .. })) if !is_one => {
                output.problem(&problem);
                problem.exit()
            }
            Err(problem) => return Err(problem),
        };
        // The first that did not go well counts.
        if exit == Exit::Done {
            exit = told;
        }
    }
    Ok(exit)
}

/// What came of a request.
struct Answer<'a> {
    saga: &'a SagaInstance,
    request: &'static str,
    came: Came,
    state: SagaState,
    alive: usize,
}

enum Came {
    CarriedOut,
    Refused(String),
    Nothing { waited: Duration },
}

impl Answer<'_> {
    fn write(&self, output: &Output) -> Result<Exit, Problem> {
        let Self { saga, request, came, state, alive } = self;
        let (word, exit) = match came {
            Came::CarriedOut => ("carried_out", Exit::Done),
            Came::Refused(_) => ("refused", Exit::Refused),
            Came::Nothing { .. } => ("asked", Exit::Asked),
        };
        let text = || {
            let id = saga.id;
            let who = format!("a worker that knows `{}` version {}", plain(&saga.definition), saga.version);
            match came {
                Came::CarriedOut => {
                    format!(
                        "{id}  {request}: carried out, it is {}\n",
                        output.of_state(*state, state.as_str())
                    )
                }
                Came::Refused(reason) => {
                    format!("{id}  {request}: {}: {}\n", output.bad("refused"), plain(reason))
                }
                Came::Nothing { .. } if *alive == 0 => format!(
                    "{id}  {request}: asked; no worker is alive to carry it out. It waits in the store for {who}\n"
                ),
                Came::Nothing { waited } => format!(
                    "{id}  {request}: asked; not carried out within {waited:?}, though {alive} workers are alive. \
                     It waits in the store for {who}\n"
                ),
            }
        };
        let value = || -> Value {
            let reason = if let Came::Refused(reason) = came { Some(reason) } else { None };
            json!({
                "saga": saga.id, "request": request, "answer": word, "reason": reason, "state": state,
                "workers_alive": alive,
            })
        };
        output.write(text, value)?;
        Ok(exit)
    }
}

/// How often it is looked for an answer.
const POLL: Duration = Duration::from_millis(100);

async fn ask<'a>(
    store: &dyn Store,
    saga: &'a SagaInstance,
    request: &Request,
    wait: Duration,
) -> Result<Answer<'a>, Problem> {
    let (id, name) = (saga.id, request.name());
    may_be_asked(saga, request)?;
    let before = store.load(id).await?.len();
    let number = store.request(id, request).await?;
    let number = number.ok_or(Problem::Ended { saga: id, state: saga.state })?;
    let until = Instant::now() + wait;
    loop {
        let alive = alive(store).await?.len();
        let is_open = store.requests(id).await?.iter().any(|(open, _)| *open == number);
        let state = store.instance(id).await?.map_or(saga.state, |now| now.state);
        let answer = |came| Answer { saga, request: name, came, state, alive };
        if !is_open {
            return Ok(answer(came(&store.load(id).await?, before, name)));
        }
        // Where nobody is alive, nobody will answer soon.
        if alive == 0 || Instant::now() >= until {
            return Ok(answer(Came::Nothing { waited: wait }));
        }
        sleep(POLL).await;
    }
}

fn may_be_asked(saga: &SagaInstance, request: &Request) -> Result<(), Problem> {
    let SagaInstance { id, state, .. } = *saga;
    if state.is_ended() {
        return Err(Problem::Ended { saga: id, state });
    }
    let done = match request {
        Request::Cancel { .. } => return Ok(()),
        Request::Retry => "retried",
        Request::Skip { .. } => "skipped",
        _ => "abandoned",
    };
    if state == SagaState::Stuck { Ok(()) } else { Err(Problem::NotStuck { saga: id, state, request: done }) }
}

/// What the journal says after the request was answered.
fn came(journal: &[Record], before: usize, name: &str) -> Came {
    let since = journal.get(before..).unwrap_or_default();
    let refused = since.iter().find_map(|record| match &record.event {
        Event::RequestRefused { request, reason } if request == name => Some(reason.to_string()),
        _ => None,
    });
    refused.map_or(Came::CarriedOut, Came::Refused)
}

/// For `give_up`: the ids only, so that its sagas are read again where it writes.
fn ids(sagas: &[SagaInstance]) -> Vec<SagaId> {
    sagas.iter().map(|saga| saga.id).collect()
}
