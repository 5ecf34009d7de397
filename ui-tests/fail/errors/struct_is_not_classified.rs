//! An error is classified.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
#[error("gateway busy")]
struct Busy;

fn main() {}
