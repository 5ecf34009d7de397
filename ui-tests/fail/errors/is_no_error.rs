//! A `Failure` is an error. The words are the compiler's own: with
//! ours, each step with this error would be refused too.

use saga::Failure;

#[derive(Debug, Failure)]
#[failure(transient)]
struct Busy;

fn main() {}
