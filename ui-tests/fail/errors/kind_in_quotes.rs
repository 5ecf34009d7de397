//! The kind of an error is a word, and not a text.

use saga::Failure;

#[derive(Debug, thiserror::Error, Failure)]
enum PayError {
    #[error("busy")]
    #[failure("transient")]
    Busy,
}

fn main() {}
