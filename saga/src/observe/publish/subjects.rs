//! What is known of the sagas whose entries are published: entries say it only once.

use std::collections::HashMap;

use crate::id_map::IdMap;
use crate::machine::{Event, Record};
use crate::observe::event::Subject;
use crate::store::{Store, StoreError, StoreResult};
use crate::{Definition, Fingerprint, SagaId};

/// The definitions that this process has registered, by name.
pub(crate) type Known = HashMap<String, &'static Definition>;

/// Sagas whose entries came lately.
#[derive(Debug)]
pub(super) struct Subjects {
    known: Known,
    sagas: IdMap<Subject>,
}

/// As many are kept; any other is looked up again.
const SUBJECTS_MAX: usize = 4_096;

impl Subjects {
    pub(super) fn new(known: Known) -> Self {
        Self { known, sagas: IdMap::default() }
    }

    /// The saga of an entry.
    pub(super) async fn of(
        &mut self,
        store: &dyn Store,
        saga: SagaId,
        record: &Record,
    ) -> StoreResult<&Subject> {
        if !self.sagas.contains_key(&saga) {
            let subject = match &record.event {
                Event::SagaStarted(started) => Subject {
                    definition: started.definition.to_string(),
                    version: started.version,
                    labels: started.labels.clone(),
                    started_at: record.at,
                    known: self.known(&started.definition, started.version, started.fingerprint),
                },
                _ => {
                    let instance = store.instance(saga).await?;
                    let gone = || StoreError::broken(format!("saga {saga} has entries, and no instance"));
                    let instance = instance.ok_or_else(gone)?;
                    Subject {
                        known: self.known(&instance.definition, instance.version, instance.fingerprint),
                        definition: instance.definition,
                        version: instance.version,
                        labels: instance.labels,
                        started_at: instance.created_at,
                    }
                }
            };
            if self.sagas.len() >= SUBJECTS_MAX {
                self.sagas.clear();
            }
            self.sagas.insert(saga, subject);
        }
        Ok(&self.sagas[&saga])
    }

    /// Nothing more comes of it.
    pub(super) fn forget(&mut self, saga: SagaId) {
        self.sagas.remove(&saga);
    }

    fn known(&self, name: &str, version: u32, fingerprint: Fingerprint) -> Option<&'static Definition> {
        let known = self.known.get(name).copied();
        known.filter(|known| known.version == version && known.fingerprint == fingerprint)
    }
}
