//! What the examples share: the shop's services with their ledger, and the printing.

pub mod audit;
pub mod journal;
pub mod progress;
pub mod shop;
pub mod timeline;

/// The README's code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
