//! What tests of sagas and of stores need.
