//! The code of a business failure is a text.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PaymentError {
    #[error("card declined")]
    #[failure(business = 402)]
    Declined,
}

fn main() {}
