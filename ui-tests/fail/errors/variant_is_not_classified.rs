//! Each variant of an error is classified.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("gateway busy")]
    #[failure(transient)]
    Busy,
    #[error("card declined")]
    Declined,
}

fn main() {}
