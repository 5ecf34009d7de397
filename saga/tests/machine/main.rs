//! The state machine: tables, properties under a simulator, and the checker of its rules.

mod broken;
mod definitions;
mod events;
mod properties;
mod sagas;
mod simulator;
mod tables;
mod tape;
mod wire;
