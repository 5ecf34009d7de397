//! `saga export`: journals as JSON lines.

use saga::SagaInstance;
use saga::machine::{Event, Record};
use saga::store::Store;
use serde_json::{Value, json};

use super::show::payload_json;
use crate::args::{Export, Place};
use crate::error::{Exit, Problem};
use crate::filter::{Pages, instance};
use crate::open::{Mode, open};
use crate::output::Output;

pub(crate) async fn run(place: &Place, export: &Export) -> Result<Exit, Problem> {
    if !export.ids.is_empty() && !export.filter.is_empty() {
        return Err(Problem::TwoTargets);
    }
    let store = open(place, Mode::Beside).await?;
    if export.ids.is_empty() {
        let mut pages = Pages::new(export.filter.filter(store.as_ref()).await?);
        while let Some(sagas) = pages.next(store.as_ref()).await? {
            for saga in sagas {
                write(store.as_ref(), &saga, export).await?;
            }
        }
    }
    for id in &export.ids {
        let saga = instance(store.as_ref(), *id).await?;
        write(store.as_ref(), &saga, export).await?;
    }
    Ok(Exit::Done)
}

async fn write(store: &dyn Store, saga: &SagaInstance, export: &Export) -> Result<(), Problem> {
    // Empty where it was purged meanwhile.
    let journal = store.load(saga.id).await?;
    let codec = match journal.first().map(|record| &record.event) {
        Some(Event::SagaStarted(started)) => started.codec.clone(),
        _ => "unknown".into(),
    };
    for record in &journal {
        let mut line = record_json(record, (!export.no_payloads).then_some(codec.as_ref()));
        line["saga"] = json!(saga.id);
        line["definition"] = json!(saga.definition);
        line["id"] = json!(format!("{}-{}", saga.id, record.sequence));
        Output::line(&line.to_string())?;
    }
    Ok(())
}

/// An entry of a journal; its payload too where the codec is told.
pub(super) fn record_json(record: &Record, codec: Option<&str>) -> Value {
    let event: Value = serde_json::from_str(&record.event.encode()).unwrap_or_default();
    let mut line = json!({ "sequence": record.sequence, "at": record.at.to_string(), "event": event });
    if let (Some(codec), Some(payload)) = (codec, record.event.payload()) {
        line["payload"] = payload_json(codec, payload);
    }
    line
}
