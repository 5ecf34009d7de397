//! Many processes on one PostgreSQL.

mod common;

use std::process::ExitCode;

use saga_fleet_tests::Kind;

fn main() -> ExitCode {
    saga_test_services::run_in_turn(&saga_test_services::postgres_server(), common::all(Kind::Postgres))
}
