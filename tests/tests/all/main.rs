//! All behaviours, in one program: one link is faster than many.

mod operators;
mod requests;
