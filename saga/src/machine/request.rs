//! What somebody may ask of a saga, and the event that answers.

use serde::{Deserialize, Serialize};

use super::apply::IllegalEvent;
use super::forward::CANCEL;
use super::{By, Event, State};
use crate::{Definition, Payload};

/// What somebody asks of a saga, from any process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Turn back, if that is still possible.
    Cancel {
        /// Why.
        reason: String,
    },
    /// A parked saga: go on where it stood.
    Retry,
    /// A parked saga: this step was undone by hand.
    Skip {
        /// The step's name.
        step: String,
        /// The operator's note.
        note: String,
    },
    /// A parked saga: this step was done by hand.
    Supply {
        /// The step's name.
        step: String,
        /// Its encoded output.
        output: Vec<u8>,
        /// The operator's note.
        note: String,
    },
    /// A parked saga: give it up.
    Abandon {
        /// The operator's note.
        note: String,
    },
}

impl Request {
    /// Its name, as the coordinator's method is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => CANCEL,
            Self::Retry => "retry",
            Self::Skip { .. } => "skip",
            Self::Supply { .. } => "supply",
            Self::Abandon { .. } => "abandon",
        }
    }

    /// The event that carries it out.
    fn event(&self, definition: &Definition) -> Option<Event> {
        let by = |note: &String| By::Operator { note: note.clone() };
        Some(match self {
            Self::Cancel { reason } => Event::CancelRequested { reason: reason.clone() },
            Self::Retry => Event::Resumed,
            Self::Skip { step, note } => {
                Event::StepCompensated { step: definition.step_index(step)?, attempt: 0, by: by(note) }
            }
            Self::Supply { step, output, note } => Event::StepCompleted {
                step: definition.step_index(step)?,
                attempt: 0,
                by: by(note),
                output: Payload::from(output.as_slice()),
            },
            Self::Abandon { note } => Event::Abandoned { note: note.clone() },
        })
    }
}

impl State {
    /// The event that answers `request`: what it asks for, or [`Event::RequestRefused`] with the reason.
    #[must_use]
    pub fn answer(&self, definition: &Definition, request: &Request) -> Event {
        let refused =
            |reason: String| Event::RequestRefused { request: request.name().into(), reason: reason.into() };
        let Some(event) = request.event(definition) else {
            return refused(format!("`{}` has no such step", definition.name));
        };
        match self.clone().apply(definition, &event) {
            Ok(()) => event,
            Err(IllegalEvent { reason, .. }) => refused(reason.to_owned()),
        }
    }
}
