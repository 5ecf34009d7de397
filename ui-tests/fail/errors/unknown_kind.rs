//! There are five kinds of errors.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("gateway busy")]
    #[failure(temporary)]
    Busy,
}

fn main() {}
