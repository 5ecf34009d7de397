//! The source of a transparent failure is a `Failure`.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error(transparent)]
    #[failure(transparent)]
    File(#[from] std::io::Error),
}

fn main() {}
