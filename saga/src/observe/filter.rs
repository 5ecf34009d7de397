//! Which events somebody wants.

use super::EventType;
use crate::engine::Observed;
use crate::machine::Event;
use crate::{Labels, SagaId};

/// Which events a subscriber, a handler or a publisher wants. Everything that is set must match; filters are combined
/// with [`and`](Self::and) and [`or`](Self::or).
///
/// ```
/// use saga::{EventFilter, EventType};
///
/// let ends = EventFilter::all().kind("ended").kind("stuck").definition("order-processing");
/// let alarms = EventFilter::all().event_type(EventType::SagaStuck).or(
///     EventFilter::all().event_type(EventType::StepRetriesExhausted).label("tenant", "gold"),
/// );
/// # let _ = (ends, alarms);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    kinds: Vec<String>,
    except: Vec<String>,
    types: Vec<EventType>,
    except_types: Vec<EventType>,
    definitions: Vec<String>,
    sagas: Vec<SagaId>,
    labels: Labels,
    /// Of each of these, one at least must match too.
    alternatives: Vec<Vec<EventFilter>>,
}

impl EventFilter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Also events of this type; without a call to this or to [`kind`](Self::kind), of every one.
    #[must_use]
    pub fn event_type(mut self, event_type: EventType) -> Self {
        self.types.push(event_type);
        self
    }

    /// No events of this type.
    #[must_use]
    pub fn except_type(mut self, event_type: EventType) -> Self {
        self.except_types.push(event_type);
        self
    }

    /// Also entries of this kind, as [`Event::kind`] names it. That is coarser than a type: `ended` is every end, and
    /// `step_failed` each failed attempt.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// No entries of this kind.
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

    /// Only sagas with this label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// What both want.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { alternatives: vec![vec![self], vec![other]], ..Self::default() }
    }

    /// What one of them wants, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { alternatives: vec![vec![self, other]], ..Self::default() }
    }

    pub(crate) fn matches(&self, seen: &Seen<'_>) -> bool {
        let (kind, event_type) = (seen.event.kind(), EventType::of(seen.event));
        let is_any = self.kinds.is_empty() && self.types.is_empty();
        (is_any || self.types.contains(&event_type) || self.kinds.iter().any(|wanted| wanted == kind))
            && !self.except_types.contains(&event_type)
            && !self.except.iter().any(|unwanted| unwanted == kind)
            && (self.definitions.is_empty()
                || self.definitions.iter().any(|wanted| wanted == seen.definition))
            && (self.sagas.is_empty() || self.sagas.contains(&seen.saga))
            && self.labels.iter().all(|(name, value)| seen.labels.get(name) == Some(value))
            && self.alternatives.iter().all(|any| any.iter().any(|filter| filter.matches(seen)))
    }
}

/// What a filter looks at.
pub(crate) struct Seen<'a> {
    pub(crate) saga: SagaId,
    pub(crate) definition: &'a str,
    pub(crate) labels: &'a Labels,
    pub(crate) event: &'a Event,
}

impl<'a> From<&Observed<'a>> for Seen<'a> {
    fn from(observed: &Observed<'a>) -> Self {
        let Observed { saga, definition, labels, event, .. } = *observed;
        Self { saga, definition: &definition.name, labels, event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::SagaState;

    fn ended(state: SagaState) -> Event {
        Event::Ended { state, not_undone: Vec::new() }
    }

    #[test]
    fn types_labels_sagas_and_definitions_must_all_match() {
        let (saga, other) = (SagaId::new(), SagaId::new());
        let labels = Labels::from([("tenant".to_owned(), "gold".to_owned())]);
        let matches = |filter: EventFilter, event: &Event| {
            filter.matches(&Seen { saga, definition: "order", labels: &labels, event })
        };
        let (done, failed) = (ended(SagaState::Completed), ended(SagaState::Failed));
        let all = EventFilter::all;
        assert!(matches(all(), &done));
        assert!(matches(all().kind("ended"), &failed));
        assert!(matches(all().kind("stuck").event_type(EventType::SagaCompleted), &done));
        assert!(!matches(all().event_type(EventType::SagaFailed), &done));
        assert!(!matches(all().except_type(EventType::SagaFailed), &failed));
        assert!(!matches(all().kind("ended").except_kind("ended"), &failed));
        assert!(matches(all().label("tenant", "gold").definition("order").saga(saga), &done));
        assert!(!matches(all().label("tenant", "tin"), &done));
        assert!(!matches(all().label("region", "gold"), &done));
        assert!(!matches(all().saga(other), &done));
        assert!(matches(all().saga(other).saga(saga), &done));
        assert!(!matches(all().definition("refund"), &done));
    }

    #[test]
    fn filters_are_combined_and_what_is_set_afterwards_must_match_too() {
        let labels = Labels::from([("tenant".to_owned(), "gold".to_owned())]);
        let matches = |filter: EventFilter, event: &Event| {
            filter.matches(&Seen { saga: SagaId::new(), definition: "order", labels: &labels, event })
        };
        let failed = ended(SagaState::Failed);
        let gold = || EventFilter::all().label("tenant", "gold");
        let tin = || EventFilter::all().label("tenant", "tin");
        assert!(matches(gold().or(tin()), &failed));
        assert!(matches(tin().or(gold()), &failed));
        assert!(!matches(gold().and(tin()), &failed));
        assert!(matches(gold().and(EventFilter::all().kind("ended")), &failed));
        assert!(!matches(gold().or(tin()).kind("stuck"), &failed));
        assert!(matches(gold().and(tin()).or(gold()), &failed));
        assert!(!matches(tin().or(tin().or(tin())), &failed));
        assert!(matches(tin().or(tin().or(gold())), &failed));
    }
}
