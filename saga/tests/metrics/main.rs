//! What the recorder of the `metrics` crate hears of a counted run.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

mod acting;
mod counts;
mod gauges;
mod heard;
mod publishers;
mod waits;
