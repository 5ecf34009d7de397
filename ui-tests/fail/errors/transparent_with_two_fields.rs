//! A transparent failure has one field, its source.

use saga::{Failure, StepError};

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("{1}: {0}")]
    #[failure(transparent)]
    Declined(StepError, String),
}

fn main() {}
