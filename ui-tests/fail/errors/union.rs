//! An error is a struct or an enum.

use saga::Failure;

#[derive(Failure)]
#[failure(transient)]
union Busy {
    _seconds: u32,
    _bytes: [u8; 4],
}

fn main() {}
