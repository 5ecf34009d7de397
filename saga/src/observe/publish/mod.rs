//! Publishers: events to brokers, fed from the journal behind a durable cursor.

mod outgoing;
mod subjects;
mod task;
mod window;

pub use outgoing::{Delivery, OutgoingEvent, Publisher};
pub use task::PublisherStatus;
pub(crate) use task::{Publishing, Settings, Stop, Task};
