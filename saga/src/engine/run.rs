//! A saga without a store.

use std::time::Duration;

use super::driver::{Driver, Stop};
use super::flow::TypedFlow;
use super::journal::Journal;
use super::mailbox::Mailbox;
use crate::context::SagaScope;
use crate::machine::{State, StuckReason};
use crate::outcome::{Outcome, outcome};
use crate::policy::Defaults;
use crate::store::Clock;
use crate::timer::Deadlines;
use crate::{Labels, Saga, SagaId};

/// Drives one saga in memory, with all its retries, timeouts and compensations, and nothing that survives the
/// process: for those who only need rollback. What the definition doesn't set has the default of
/// [`Defaults`].
///
/// Dropping the future drops the saga where it stands, with nothing undone.
///
/// ```
/// use saga::{Outcome, StepError, saga, step};
///
/// #[saga(steps(reserve -> pay))]
/// struct Shop;
///
/// #[step(compensate = release)]
/// async fn reserve(_shop: &Shop, seats: &u32) -> Result<u32, StepError> {
///     Ok(*seats)
/// }
///
/// async fn release(_shop: &Shop, _seats: &u32) -> Result<(), StepError> {
///     Ok(())
/// }
///
/// #[step(pivot)]
/// async fn pay(_shop: &Shop, seats: &u32) -> Result<u32, StepError> {
///     Ok(seats * 30)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(saga::run(&Shop, 2).await, Outcome::Completed(60));
/// # }
/// ```
pub async fn run<S: Saga>(saga: &S, input: S::Input) -> Outcome<S::Output> {
    static DEFAULTS: Defaults = Defaults::new();

    let definition = S::definition();
    let mut flow = TypedFlow::<&S, S>::new(saga, input, None);
    let mailbox = Mailbox::default();
    let deadlines = Deadlines::new(definition.steps.len());
    let begun = deadlines.origin();
    let clock = Clock::of_thread(begun);
    let now = clock.at(begun);
    let id = SagaId::new_at(now);
    let scope = SagaScope::new(id, Labels::new(), deadlines);
    let deadline = definition.timeout.map(|timeout| now.saturating_add(timeout));
    let mut state = State::in_memory(definition, deadline);
    let mut driver = Driver {
        definition,
        defaults: &DEFAULTS,
        flow: &flow,
        scope: &scope,
        mailbox: &mailbox,
        workers: None,
        clock,
        journal: Journal::Nowhere,
        span: super::trace::saga_span(definition, id, &scope.labels, None),
        trace_context: None,
        wait_max: Duration::MAX,
        tenure: None,
    };
    let broken = |message: String| Outcome::Stuck(StuckReason::IllegalJournal { message });
    match driver.drive(&mut state, None, || ()).await {
        Ok(Stop::Rests) => {}
        Ok(Stop::Released(_)) => return broken("a saga without a store was released".to_owned()),
        Err(halt) => return broken(format!("{halt:?}")),
    }
    drop(driver);
    let output = || flow.output().ok_or(());
    match outcome(&state, output) {
        Some(Ok(outcome)) => outcome,
        Some(Err(())) | None => broken("the last stage left no output".to_owned()),
    }
}
