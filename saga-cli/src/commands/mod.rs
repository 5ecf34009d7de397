//! One file a command.

pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod migrate;
pub(crate) mod operate;
pub(crate) mod purge;
pub(crate) mod show;
pub(crate) mod stats;

use saga::store::{DefinitionKey, Store};
use saga::{Definition, SagaInstance, Timestamp, WorkerId};
use serde_json::{Value, json};

use crate::error::Problem;

/// A saga as JSON.
fn instance_json(saga: &SagaInstance) -> Value {
    json!({
        "id": saga.id,
        "state": saga.state,
        "definition": saga.definition,
        "version": saga.version,
        "fingerprint": saga.fingerprint,
        "key": saga.key,
        "labels": saga.labels,
        "owner": saga.owner,
        "wake_at": time_json(saga.wake_at),
        "created_at": saga.created_at.to_string(),
        "updated_at": saga.updated_at.to_string(),
        "ended_at": time_json(saga.ended_at),
    })
}

fn time_json(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

/// The definition that a saga was started with, as the store knows its shape.
async fn definition_of(store: &dyn Store, saga: &SagaInstance) -> Result<Option<Definition>, Problem> {
    let shape = store.shape(&DefinitionKey::of_instance(saga)).await?;
    // One that doesn't fit together is as good as none.
    Ok(shape.and_then(|shape| shape.definition().ok()))
}

/// Who is alive.
async fn alive(store: &dyn Store) -> Result<Vec<WorkerId>, Problem> {
    Ok(store.workers().await?.iter().map(|lease| lease.worker).collect())
}
