//! What tests of sagas and of stores need.

pub mod laws;
mod place;

pub use place::StorePlace;

#[doc(inline)]
pub use crate::__durable_store_tests as durable_store_tests;
#[doc(inline)]
pub use crate::__store_tests as store_tests;
