//! What a saga costs: the work that is measured, and how it is.

pub mod drive;
pub mod floor;
pub mod four_steps;
pub mod measure;
pub mod one_by_one;
