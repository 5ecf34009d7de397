//! The laws of stores, over a database.

mod common;

use std::process::ExitCode;

use common::Schema;
use saga_test_services::Test;

fn main() -> ExitCode {
    let service = saga_test_services::postgres();
    let url = service.clone().unwrap_or_default();
    let laws = saga::testing::laws::all(move || Schema::new(&url));
    let tests = laws.into_iter().map(|law| Test::new(law.name, |_| law.check)).collect();
    saga_test_services::run(&service, tests)
}
