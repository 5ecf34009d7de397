//! Many processes on one Redis.

mod common;

use std::process::ExitCode;

use saga_fleet_tests::Kind;

fn main() -> ExitCode {
    saga_test_services::run_in_turn(&saga_test_services::redis_server(), common::all(Kind::Redis))
}
