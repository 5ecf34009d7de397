//! The runner itself: a program of two tests, run with its server, without it, and without it where it is required.
//!
//! It starts itself again as that program, and reads what it prints: a test that fails on purpose is not to be seen
//! among those of the suite.

use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Trial};
use saga_test_services::{Test, run};

/// Set where this is the program under test: whether its server is there.
const HAS_SERVER: &str = "SAGA_RUNNER_HAS_SERVER";

fn main() -> ExitCode {
    match std::env::var(HAS_SERVER) {
        Ok(has_server) => program(has_server == "yes"),
        Err(_) => {
            let laws: [(&str, fn()); 3] = [
                ("with_its_server_the_tests_run", with_its_server_the_tests_run),
                ("without_it_they_are_ignored_by_name", without_it_they_are_ignored_by_name),
                ("without_it_they_fail_where_it_is_required", without_it_they_fail_where_it_is_required),
            ];
            let law = |(name, law): (&str, fn())| {
                Trial::test(name, move || {
                    law();
                    Ok(())
                })
            };
            libtest_mimic::run(&Arguments::from_args(), laws.map(law).into()).exit_code()
        }
    }
}

/// One test that passes where its server is, and one that panics.
fn program(has_server: bool) -> ExitCode {
    let service = if has_server { Ok("x://y:1".to_owned()) } else { saga_test_services::redis() };
    run(
        &service,
        vec![
            Test::new("passes", |url| async move { assert_eq!(url, "x://y:1") }),
            Test::new("panics", |_| async { panic!("as it should") }),
        ],
    )
}

fn told(has_server: &str, is_required: &str) -> (Output, String) {
    let program = std::env::current_exe().expect("a program knows its own path");
    let output = Command::new(program)
        .env(HAS_SERVER, has_server)
        .env("SAGA_REQUIRE_SERVICES", is_required)
        // Port 1 is reserved, and nobody listens there.
        .env("SAGA_REDIS_URL", "redis://me:secret@127.0.0.1:1")
        .output()
        .expect("this program starts a second time");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

fn with_its_server_the_tests_run() {
    let (output, text) = told("yes", "0");
    assert!(!output.status.success(), "a test that panics fails the run: {text}");
    assert!(text.contains("1 passed; 1 failed; 0 ignored"), "{text}");
}

/// And it says how to start the server.
fn without_it_they_are_ignored_by_name() {
    let (output, text) = told("no", "0");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("0 passed; 0 failed; 2 ignored"), "{text}");
    assert!(text.contains("passes ... ignored") && text.contains("panics ... ignored"), "{text}");
    assert!(text.contains("start one with") && !text.contains("secret"), "{text}");
}

fn without_it_they_fail_where_it_is_required() {
    let (output, text) = told("no", "1");
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("0 passed; 2 failed; 0 ignored"), "{text}");
}
