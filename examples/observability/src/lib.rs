//! What the example `observability` needs: see `examples/observability.rs`.
