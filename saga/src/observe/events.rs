//! An event as subscribers see it, and which ones they want.

use crate::engine::Observed;
use crate::machine::Event;
use crate::{SagaId, Timestamp};

/// Something that happened to a saga, after the store took it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaEvent {
    /// The saga.
    pub saga: SagaId,
    /// The event's place in the saga's journal, from 0.
    pub sequence: u64,
    /// When the store took it.
    pub at: Timestamp,
    /// The name of the saga's definition.
    pub definition: String,
    /// The name of the step that it speaks of.
    pub step: Option<String>,
    /// What happened.
    pub event: Event,
}

impl SagaEvent {
    pub(crate) fn new(observed: Observed<'_>) -> Self {
        let step = observed.event.step().and_then(|step| observed.definition.steps.get(step));
        Self {
            saga: observed.saga,
            sequence: observed.sequence,
            at: observed.at,
            definition: observed.definition.name.to_string(),
            step: step.map(|step| step.name.to_string()),
            event: observed.event.clone(),
        }
    }

    /// The event's id, the same wherever it is seen: `{saga}-{sequence}`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.saga, self.sequence)
    }
}

/// Which events a subscriber wants. Everything that is set must match.
///
/// ```
/// use saga::EventFilter;
///
/// let ends = EventFilter::all().kind("ended").kind("stuck").definition("order-processing");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    kinds: Vec<String>,
    except: Vec<String>,
    definitions: Vec<String>,
    sagas: Vec<SagaId>,
}

impl EventFilter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Also events of this kind, as [`Event::kind`] names it; without a call, of every kind.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// No events of this kind.
    #[must_use]
    pub fn except_kind(mut self, kind: impl Into<String>) -> Self {
        self.except.push(kind.into());
        self
    }

    /// Also sagas of this definition; without a call, of every one.
    #[must_use]
    pub fn definition(mut self, name: impl Into<String>) -> Self {
        self.definitions.push(name.into());
        self
    }

    /// Also this saga; without a call, every one.
    #[must_use]
    pub fn saga(mut self, id: SagaId) -> Self {
        self.sagas.push(id);
        self
    }

    pub(crate) fn matches(&self, observed: &Observed<'_>) -> bool {
        let kind = observed.event.kind();
        let definition = observed.definition.name.as_ref();
        (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind))
            && !self.except.iter().any(|unwanted| unwanted == kind)
            && (self.definitions.is_empty() || self.definitions.iter().any(|wanted| wanted == definition))
            && (self.sagas.is_empty() || self.sagas.contains(&observed.saga))
    }
}
