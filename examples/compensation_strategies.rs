//! Four ways back, side by side: the same trip, booked by four sagas that differ in nothing but `compensation = ..`.
//!
//! Three bookings are made, then the payment is refused, and the bookings are undone: once with an airline that
//! takes its cancellation, and once with one that never does.
//!
//! ```text
//! cargo run --example compensation_strategies
//! ```

use std::time::Duration;

use saga::policy::{CompensationStrategy, OnUndoFailure, millis};
use saga::{Outcome, Saga, StepError, saga, step};
use saga_examples::timeline::Recorder;

/// The travel agency: what the steps of all four sagas need.
struct Agency {
    /// Whether the airline cancels flights.
    airline_cancels: bool,
    recorder: Recorder,
}

trait HasAgency: Send + Sync + 'static {
    fn agency(&self) -> &Agency;
}

/// One by one, latest first. An undo that fails for good parks the saga: a person decides, and nothing is undone
/// past it.
#[saga(
    steps(book_hotel -> book_flight -> book_car -> pay),
    compensation = sequential(secs(1)).retry(fixed(1, millis(20))),
)]
struct Sequential(Agency);

/// All at once. Goes on when one fails.
#[saga(
    steps(book_hotel -> book_flight -> book_car -> pay),
    compensation = parallel(secs(1)).retry(fixed(1, millis(20))),
)]
struct Parallel(Agency);

/// One by one, latest first. Goes on when one fails.
#[saga(
    steps(book_hotel -> book_flight -> book_car -> pay),
    compensation = best_effort(secs(1)).retry(fixed(1, millis(20))),
)]
struct BestEffort(Agency);

/// As we like it: see below.
#[saga(
    steps(book_hotel -> book_flight -> book_car -> pay),
    compensation = custom(FlightFirst).retry(fixed(1, millis(20))),
)]
struct Custom(Agency);

/// The flight first, for it costs most by the minute; then all others at once.
struct FlightFirst;

impl CompensationStrategy for FlightFirst {
    fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
        let (flight, others): (Vec<&str>, Vec<&str>) = done.iter().partition(|step| **step == "book_flight");
        [flight, others].map(|stage| stage.into_iter().map(str::to_owned).collect()).into()
    }

    fn on_undo_failure(&self) -> OnUndoFailure {
        OnUndoFailure::GoOn
    }
}

#[step(compensate = cancel_hotel)]
async fn book_hotel<S: HasAgency>(saga: &S, nights: &u32) -> Result<u32, StepError> {
    saga.agency().recorder.take("book_hotel", millis(30), '█').await;
    Ok(*nights)
}

async fn cancel_hotel<S: HasAgency>(saga: &S, _nights: &u32) -> Result<(), StepError> {
    saga.agency().recorder.take("undo book_hotel", millis(60), '◄').await;
    Ok(())
}

#[step(compensate = cancel_flight)]
async fn book_flight<S: HasAgency>(saga: &S, _nights: &u32) -> Result<(), StepError> {
    saga.agency().recorder.take("book_flight", millis(30), '█').await;
    Ok(())
}

async fn cancel_flight<S: HasAgency>(saga: &S, _booking: &()) -> Result<(), StepError> {
    let agency = saga.agency();
    let fill = if agency.airline_cancels { '◄' } else { 'x' };
    agency.recorder.take("undo book_flight", millis(80), fill).await;
    if agency.airline_cancels { Ok(()) } else { Err(StepError::transient("the airline's line is busy")) }
}

#[step(compensate = cancel_car)]
async fn book_car<S: HasAgency>(saga: &S, _flight: &()) -> Result<(), StepError> {
    saga.agency().recorder.take("book_car", millis(30), '█').await;
    Ok(())
}

async fn cancel_car<S: HasAgency>(saga: &S, _booking: &()) -> Result<(), StepError> {
    saga.agency().recorder.take("undo book_car", millis(40), '◄').await;
    Ok(())
}

#[step(compensate = none)]
async fn pay<S: HasAgency>(saga: &S, _car: &()) -> Result<(), StepError> {
    saga.agency().recorder.take("pay", millis(20), '▒').await;
    Err(StepError::business("CARD_DECLINED", "card declined"))
}

/// Books a trip, and shows how it is undone.
async fn book<S>(strategy: &str, saga: S, agency: impl FnOnce(S) -> Agency) -> Duration
where
    S: Saga<Input = u32>,
{
    let start = std::time::Instant::now();
    let outcome: Outcome<S::Output> = saga::run(&saga, 3).await;
    let took = start.elapsed();
    println!("  {strategy}: {outcome}");
    println!("{}", agency(saga).recorder.timeline());
    took
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("█ done   ▒ failed   ◄ undone   x not undone\n");
    for airline_cancels in [true, false] {
        let negation = if airline_cancels { "" } else { "NOT " };
        println!("The airline does {negation}take the cancellation");
        let agency = || Agency { airline_cancels, recorder: Recorder::start() };
        let took = [
            book("sequential", Sequential(agency()), |saga| saga.0).await,
            book("parallel", Parallel(agency()), |saga| saga.0).await,
            book("best effort", BestEffort(agency()), |saga| saga.0).await,
            book("custom", Custom(agency()), |saga| saga.0).await,
        ];
        let [sequential, parallel, ..] = took.map(|took| took.as_millis());
        println!("  In all: sequential {sequential} ms, parallel {parallel} ms\n");
    }
}

impl HasAgency for Sequential {
    fn agency(&self) -> &Agency {
        &self.0
    }
}

impl HasAgency for Parallel {
    fn agency(&self) -> &Agency {
        &self.0
    }
}

impl HasAgency for BestEffort {
    fn agency(&self) -> &Agency {
        &self.0
    }
}

impl HasAgency for Custom {
    fn agency(&self) -> &Agency {
        &self.0
    }
}
