//! A saga says which steps it has.

use saga::saga;

#[saga(timeout = secs(5))]
struct Shop;

fn main() {}
