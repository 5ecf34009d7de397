//! All behaviours, in one program: one link is faster than many.
