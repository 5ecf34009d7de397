//! A step is a function.

use saga::step;

#[step(compensate = none)]
struct CreateOrder;

fn main() {}
