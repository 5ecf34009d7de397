//! A business failure has a code.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("card declined")]
    #[failure(business)]
    Declined,
}

fn main() {}
