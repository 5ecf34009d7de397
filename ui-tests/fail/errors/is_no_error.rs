//! A `Failure` is an error.

use saga::Failure;

#[derive(Debug, Failure)]
#[failure(transient)]
struct Busy;

fn main() {}
