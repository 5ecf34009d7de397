//! What compiles, and what the compiler says of what doesn't. See `fail/` and `pass/`.
