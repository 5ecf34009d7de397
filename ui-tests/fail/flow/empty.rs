//! A saga has at least one step.

use saga::saga;

#[saga(steps())]
struct Shop;

fn main() {}
