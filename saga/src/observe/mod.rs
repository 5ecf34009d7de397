//! Sagas seen from outside: events, metrics, health.

mod events;
mod health;
mod hub;
mod metrics;

pub use events::{EventFilter, SagaEvent};
pub use health::Health;
pub(crate) use hub::Hub;
pub use hub::{Missed, Subscription};
pub(crate) use metrics::Counters;
pub use metrics::Metrics;
