//! A saga is a struct.

use saga::saga;

#[saga(steps(create_order))]
enum Shop {}

fn main() {}
