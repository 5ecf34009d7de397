//! Tells of sagas whose definition no live worker knows: nobody takes them up, and nothing else would say so.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::inner::Inner;
use crate::policy::secs;
use crate::store::{DefinitionKey, UnknownDefinition};

/// How often the store is asked: for the metrics, and for a line in the log.
const EVERY: Duration = secs(30);

pub(super) fn spawn(inner: &Arc<Inner>) {
    tokio::spawn(look(Arc::downgrade(inner)));
}

async fn look(inner: Weak<Inner>) {
    let mut told = BTreeSet::new();
    loop {
        sleep(EVERY).await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.is_closed()) else { return };
        match inner.store.unknown().await {
            Ok(unknown) => {
                inner.counters.set_unknown(unknown.iter().map(|unknown| unknown.sagas).sum());
                told = tell(&unknown, &told);
            }
            Err(error) => tracing::debug!(%error, "the store cannot be searched for sagas that nobody knows"),
        }
    }
}

/// Tells of each definition once, until it was known in between.
fn tell(unknown: &[UnknownDefinition], told: &BTreeSet<DefinitionKey>) -> BTreeSet<DefinitionKey> {
    for UnknownDefinition { definition, sagas } in unknown {
        if !told.contains(definition) {
            let DefinitionKey { name, version, fingerprint } = definition;
            tracing::warn!(
                definition = name, version, %fingerprint, sagas,
                "no live worker knows the definition of these sagas: they wait until one does"
            );
        }
    }
    unknown.iter().map(|unknown| unknown.definition.clone()).collect()
}
