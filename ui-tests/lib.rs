//! What compiles, and what the compiler says of what doesn't. See `fail/` and `pass/`; this is the data that their
//! sagas pass on.

use serde::{Deserialize, Serialize};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: u64,
}

/// Stock set aside for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The number of the order.
    pub order: u64,
}

/// Money received for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The number of the order.
    pub order: u64,
}
