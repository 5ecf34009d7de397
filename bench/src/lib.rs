//! What a saga costs: the work that is measured, and how it is.

pub mod four_steps;
pub mod measure;
