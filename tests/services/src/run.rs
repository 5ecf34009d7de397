//! Tests that know at run time whether they can run.

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::Missing;

type Body = Box<dyn FnOnce(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A test that takes the URL of its server.
pub struct Test {
    name: String,
    body: Body,
    timeout: Duration,
}

/// A test that takes longer hangs, and fails, where it doesn't say otherwise.
const TIMEOUT: Duration = Duration::from_mins(5);

impl Test {
    /// A test of this name; it fails where `body` panics.
    pub fn new<F, Running>(name: impl Into<String>, body: F) -> Self
    where
        F: FnOnce(String) -> Running + Send + 'static,
        Running: Future<Output = ()> + Send + 'static,
    {
        Self { name: name.into(), body: Box::new(move |url| Box::pin(body(url))), timeout: TIMEOUT }
    }

    /// It may take so long.
    #[must_use]
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn trial(self, service: &Result<String, Missing>, is_required: bool) -> Trial {
        let Self { name, body, timeout } = self;
        match service {
            Ok(url) => {
                let url = url.clone();
                Trial::test(name, move || drive(body(url), timeout))
            }
            // Run all the same, with `--ignored` or where services are required, it says why it cannot.
            Err(missing) => {
                let (text, kind) = (missing.to_string(), format!("needs {}", missing.service));
                let refuse = move || Err(Failed::from(text));
                Trial::test(name, refuse).with_kind(kind).with_ignored_flag(!is_required)
            }
        }
    }
}

/// Runs the tests as the standard harness would, with its arguments. Without the service all of them are ignored;
/// with `SAGA_REQUIRE_SERVICES=1` they fail.
#[must_use]
pub fn run(service: &Result<String, Missing>, tests: Vec<Test>) -> ExitCode {
    run_with(&Arguments::from_args(), service, tests)
}

/// [`run`], one test after another: for tests that fill the machine.
#[must_use]
pub fn run_in_turn(service: &Result<String, Missing>, tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    run_with(&arguments, service, tests)
}

fn run_with(arguments: &Arguments, service: &Result<String, Missing>, tests: Vec<Test>) -> ExitCode {
    let is_required = std::env::var("SAGA_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    if let Err(missing) = service {
        eprintln!("{missing}");
    }
    let trials = tests.into_iter().map(|test| test.trial(service, is_required)).collect();
    libtest_mimic::run(arguments, trials).exit_code()
}

/// On a runtime of its own, which is gone with all that the test left running.
fn drive(body: Pin<Box<dyn Future<Output = ()> + Send>>, timeout: Duration) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(async { tokio::time::timeout(timeout, body).await });
    runtime.shutdown_timeout(Duration::from_secs(5));
    ended.map_err(|_| Failed::from(format!("it takes longer than {timeout:?}")))
}

/// The named `async fn(String)`s, as tests.
#[macro_export]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        ::std::vec![$($crate::Test::new(::std::stringify!($test), $test)),+]
    };
}
