//! The variants of an enum are classified, and not the enum.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
#[failure(transient)]
enum PaymentError {
    #[error("gateway busy")]
    #[failure(transient)]
    Busy,
}

fn main() {}
