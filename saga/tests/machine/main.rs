//! The state machine: what is to be done after which journal.

mod events;
mod sagas;
mod tables;
