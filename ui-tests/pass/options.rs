//! All options of sagas and steps, in all their forms.

use std::time::Duration;

use saga::policy::{Compensation, RetryPolicy};
use saga::{Saga, StepError, StepKind, saga, step};

const PATIENCE: Duration = Duration::from_secs(3);

fn policy() -> RetryPolicy {
    saga::policy::linear(2, Duration::from_millis(1), Duration::from_millis(1), Duration::from_secs(1))
}

/// Has it all.
///
/// In two paragraphs.
#[saga(
    steps(a -> b -> c -> d),
    name = "all options",
    version = 7,
    timeout = hours(1),
    retry = exponential(3, millis(1), secs(1)),
    compensation = best_effort(PATIENCE),
    crate = saga,
)]
struct All;

/// The first.
#[step(
    compensate = undo::a(input, output),
    compensation(timeout = millis(5), retry = fixed(2, millis(1))),
    timeout = PATIENCE,
    retry = policy(),
    retry_if = |error| error.code().is_none(),
    at_most_once,
    name = "the first",
    metadata(service = "orders", team = "shop"),
    crate = ::saga,
)]
async fn a(_all: &All, input: &u8) -> Result<u8, StepError> {
    Ok(*input)
}

mod undo {
    pub(super) async fn a(_all: &super::All, _input: &u8, _output: &u8) -> Result<(), saga::StepError> {
        Ok(())
    }
}

fn is_worth_it(error: &StepError) -> bool {
    error.code() != Some("NEVER")
}

#[step(compensate = none, retry = no_retry(), retry_if = is_worth_it)]
async fn b(_all: &All, input: &u8) -> Result<u8, StepError> {
    Ok(*input)
}

#[step(pivot, verify = self::find_c, timeout = minutes(2))]
async fn c(_all: &All, input: u8) -> Result<u8, StepError> {
    Ok(input)
}

async fn find_c(_all: &All, input: u8) -> Result<Option<u8>, StepError> {
    Ok(Some(input))
}

#[step(retriable, timeout = days(1) / 48)]
async fn d(_all: &All, input: &u8) -> Result<u8, StepError> {
    Ok(*input)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let definition = All::definition();
    assert_eq!((definition.name.as_ref(), definition.version), ("all options", 7));
    assert_eq!(definition.description, "Has it all.\n\nIn two paragraphs.");
    assert_eq!(definition.timeout, Some(Duration::from_secs(3_600)));
    assert!(definition.retry.is_some() && definition.compensation.is_some());
    let [a, b, c, d] = &definition.steps[..] else { panic!("not four steps") };
    assert_eq!((a.name.as_ref(), a.description.as_ref()), ("the first", "The first."));
    assert_eq!(a.timeout, Some(PATIENCE));
    assert_eq!(a.compensation_timeout, Some(Duration::from_millis(5)));
    assert!(a.at_most_once && a.compensation_retry.is_some() && a.retry.is_some() && a.undo_takes_output);
    assert!(a.retry_if.unwrap()(&StepError::transient("busy")));
    assert_eq!(a.metadata, [("service".into(), "orders".into()), ("team".into(), "shop".into())]);
    let kinds = [StepKind::Compensatable, StepKind::NothingToUndo, StepKind::Pivot, StepKind::Retriable];
    assert_eq!([a.kind, b.kind, c.kind, d.kind], kinds);
    assert!(!b.retry_if.unwrap()(&StepError::business("NEVER", "no")));
    assert!(c.has_verify && !d.has_verify);
    assert_eq!(d.timeout, Some(Duration::from_secs(1_800)));
    assert!(definition.check().is_ok());
    let _: Option<&Compensation> = definition.compensation.as_ref();
    assert_eq!(saga::run(&All, 4).await, saga::Outcome::Completed(4));
}
