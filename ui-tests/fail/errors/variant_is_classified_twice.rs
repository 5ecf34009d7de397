//! An error is of one kind.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("gateway busy")]
    #[failure(transient, in_doubt)]
    Busy,
}

fn main() {}
