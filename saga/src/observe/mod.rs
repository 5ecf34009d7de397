//! Sagas seen from outside: events, metrics, health.

mod event;
mod filter;
mod handler;
mod health;
mod hub;
mod json;
mod kind;
mod metrics;
mod publish;

pub use event::SagaEvent;
pub(crate) use event::Subject;
pub use filter::EventFilter;
pub(crate) use handler::Handler;
pub use handler::HandlerStatus;
pub use health::{Health, PublisherHealth};
pub(crate) use hub::Hub;
pub use hub::{Missed, Subscription};
pub use kind::{EventType, ParseEventTypeError};
pub(crate) use metrics::Counters;
pub use metrics::Metrics;
pub use publish::{Delivery, OutgoingEvent, Publisher, PublisherStatus};
pub(crate) use publish::{Publishing, Settings, Stop, Task};
