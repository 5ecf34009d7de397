//! A transparent failure is its source, and nothing more; also a struct.

use saga::{Failure, StepError};

#[derive(Debug, thiserror::Error, Failure)]
#[error("declined")]
#[failure(transparent)]
struct Declined(StepError, String);

fn main() {}
