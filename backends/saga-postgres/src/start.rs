//! Sagas that start with a transaction of the user's.

/// placeholder
#[derive(Debug, thiserror::Error)]
pub enum StartInError {}
