//! The laws of stores, over a Redis: in one partition, and in several.

mod common;

use std::process::ExitCode;

use saga::testing::laws;
use saga_test_services::Test;

use common::Namespace;

fn main() -> ExitCode {
    let service = saga_test_services::redis();
    let url = service.clone().unwrap_or_default();
    let mut tests = Vec::new();
    for partitions in [1, 7] {
        let url = url.clone();
        for law in laws::all(move || Namespace::new(&url, partitions)) {
            let name = format!("in_{partitions}_partitions::{}", law.name);
            tests.push(Test::new(name, move |_| law.check));
        }
    }
    saga_test_services::run(&service, tests)
}
