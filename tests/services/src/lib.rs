//! The servers that tests need, and tests that show as ignored, by name, where one is missing.
//!
//! A test binary that needs a server has `harness = false` and a `main` of one line:
//!
//! ```no_run
//! # async fn a_saga_is_there(_url: String) {}
//! # async fn a_saga_is_gone(_url: String) {}
//! fn main() -> std::process::ExitCode {
//!     let service = saga_test_services::postgres();
//!     saga_test_services::run(&service, saga_test_services::tests![a_saga_is_there, a_saga_is_gone])
//! }
//! ```
//!
//! Where the server answers, each test gets its URL. Where it doesn't, each is reported as ignored, and how to start
//! the server is said once; with `SAGA_REQUIRE_SERVICES=1` each fails instead, so that CI cannot pass by skipping.

mod run;
mod service;

pub use run::{Test, run, run_in_turn};
pub use service::{
    Missing, kafka, nats, postgres, postgres_server, rabbitmq, rabbitmq_server, redis, redis_cluster,
    redis_server, tansu,
};
