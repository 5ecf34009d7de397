//! `saga list`.

use saga::store::{QueryStore, Sort};
use saga::{SagaInstance, SagaPage, Timestamp};
use serde_json::{Value, json};

use super::{instance_json, time_json};
use crate::args::{List, Place};
use crate::error::{Exit, Problem};
use crate::open::{Mode, open};
use crate::output::{Output, plain};
use crate::time::{second, short};

pub(crate) async fn run(place: &Place, list: &List, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let mut round = 0_u32;
    loop {
        // Each time anew: `--since 2h` goes on with the clock.
        let mut filter = list.filter.filter(store.as_ref()).await?.limit(usize::from(list.limit));
        if list.oldest_first {
            filter = filter.sort(Sort::OldestFirst);
        }
        if let Some(cursor) = list.after {
            filter = filter.after(cursor);
        }
        let page = QueryStore::list(store.as_ref(), &filter).await?;
        let now = store.ping().await?;
        if list.watch.is_some() {
            output.clear()?;
        }
        output.write(|| text(&page, now, list, output), || value(&page, now))?;
        round += 1;
        match list.watch {
            Some(pause) if list.rounds.is_none_or(|rounds| round < rounds) => tokio::time::sleep(pause).await,
            _ => return Ok(Exit::Done),
        }
    }
}

fn value(page: &SagaPage, now: Timestamp) -> Value {
    json!({
        "sagas": page.sagas.iter().map(instance_json).collect::<Vec<_>>(),
        "next": page.next.map(|next| next.to_string()),
        "now": time_json(Some(now)),
    })
}

fn text(page: &SagaPage, now: Timestamp, list: &List, output: &Output) -> String {
    let mut text = String::new();
    if list.watch.is_some() {
        text.push_str(&output.faint(&format!("{}, {} shown\n", second(now), page.sagas.len())));
    }
    if page.sagas.is_empty() {
        return text + "no saga matches\n";
    }
    let width = page.sagas.iter().map(|saga| saga.definition.chars().count()).max().unwrap_or(0).max(10);
    let heading = format!(
        "{:36}  {:12}  {:width$}  {:>8}  {:>8}  LABELS",
        "ID", "STATE", "DEFINITION", "AGE", "CHANGED"
    );
    text.push_str(&output.bold(&heading));
    text.push('\n');
    for saga in &page.sagas {
        let state = output.of_state(saga.state, &format!("{:12}", saga.state.as_str()));
        let (age, changed) = (short(now.since(saga.created_at)), short(now.since(saga.updated_at)));
        let definition = plain(&saga.definition);
        let line =
            format!("{}  {state}  {definition:width$}  {age:>8}  {changed:>8}  {}", saga.id, labels(saga));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if let Some(next) = page.next {
        text.push_str(&output.faint(&format!("there are more: --after {next}\n")));
    }
    text
}

fn labels(saga: &SagaInstance) -> String {
    let mut labels: Vec<String> =
        saga.labels.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value))).collect();
    if let Some(key) = &saga.key {
        labels.push(format!("key:{}", plain(key)));
    }
    labels.join(" ")
}
