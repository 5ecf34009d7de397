//! An event as the outside sees it.

use std::borrow::Cow;
use std::time::Duration;

use super::EventType;
use crate::engine::Observed;
use crate::machine::{Event, Record};
use crate::trace::TRACE_LABEL;
use crate::{Definition, Labels, SagaId, Timestamp};

/// Something that happened to a saga, after the store took it.
///
/// Each entry of a saga's journal is told as one event, here and by publishers, under one [`id`](Self::id). Serialized
/// it is the published JSON; its schema is [`SCHEMA`](Self::SCHEMA). Inputs and outputs of steps are no part of that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaEvent {
    /// The saga.
    pub saga: SagaId,
    /// The event's place in the saga's journal, from 0, without gaps.
    pub sequence: u64,
    /// When the store took it.
    pub at: Timestamp,
    /// When the store took the first event of the saga.
    pub started_at: Timestamp,
    /// The name of the saga's definition.
    pub definition: Cow<'static, str>,
    /// The version of the saga's definition.
    pub definition_version: u32,
    /// The name of the step that it speaks of; `None` also where the process that tells it doesn't know the definition.
    pub step: Option<Cow<'static, str>>,
    /// The saga's labels.
    pub labels: Labels,
    /// What happened, as the journal has it.
    pub event: Event,
}

impl SagaEvent {
    /// The JSON Schema of a serialized event: `event.schema.json`.
    pub const SCHEMA: &str = include_str!("../../event.schema.json");

    /// The version of the JSON. It is raised when a reader of an earlier one could not read what is written; more
    /// fields and more types are no such change.
    pub const VERSION: u32 = 1;

    pub(crate) fn new(observed: Observed<'_>) -> Self {
        let definition = observed.definition;
        let step = observed.event.step().and_then(|step| definition.steps.get(step));
        Self {
            saga: observed.saga,
            sequence: observed.sequence,
            at: observed.at,
            started_at: observed.started_at,
            definition: definition.name.clone(),
            definition_version: definition.version,
            step: step.map(|step| step.name.clone()),
            labels: observed.labels.clone(),
            event: observed.event.clone(),
        }
    }

    /// An entry of a journal, with what is known of its saga.
    pub(crate) fn of_record(saga: SagaId, record: Record, of: &Subject) -> Self {
        let Record { sequence, at, event } = record;
        let step = event.step().and_then(|step| of.known.and_then(|known| known.steps.get(step)));
        Self {
            saga,
            sequence,
            at,
            started_at: of.started_at,
            definition: Cow::Owned(of.definition.clone()),
            definition_version: of.version,
            step: step.map(|step| step.name.clone()),
            labels: of.labels.clone(),
            event,
        }
    }

    /// The event's id, the same wherever and however often it is seen: `{saga}-{sequence}`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.saga, self.sequence)
    }

    /// What it tells.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        EventType::of(&self.event)
    }

    /// The time from the record of the saga to this event; at the saga's end, how long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.at.since(self.started_at)
    }

    /// Which attempt it speaks of, from 1.
    #[must_use]
    pub const fn attempt(&self) -> Option<u32> {
        match &self.event {
            Event::StepStarted { attempt, .. }
            | Event::StepCompleted { attempt, .. }
            | Event::StepFailed { attempt, .. }
            | Event::VerifyFailed { attempt, .. }
            | Event::StepCompensated { attempt, .. }
            | Event::CompensationFailed { attempt, .. }
                // What an operator did by hand is no attempt.
                if *attempt > 0 =>
            {
                Some(*attempt)
            }
            _ => None,
        }
    }

    /// The trace of the saga's starter, where one is kept: the label [`TRACE_LABEL`].
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.labels.get(TRACE_LABEL).map(String::as_str)
    }

    /// The published JSON, in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an event has only keys that are strings")
    }
}

/// What is known of a saga besides its entries.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) definition: String,
    pub(crate) version: u32,
    pub(crate) labels: Labels,
    pub(crate) started_at: Timestamp,
    /// Its definition, where it is registered in this process in the same version and shape.
    pub(crate) known: Option<&'static Definition>,
}
