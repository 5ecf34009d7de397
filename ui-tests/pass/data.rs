//! Data goes by reference and by value, from several sources, or not at all; outputs are tuples, units, whatever is owned.

use saga::{Outcome, StepError, saga, step};

type Result<T, E = StepError> = std::result::Result<T, E>;
type TickResult = std::result::Result<(), StepError>;

#[saga(steps(
    start
    -> (both as left & both(start) as right)
    -> sum
    -> tick()
    -> tack
    -> join(left, input, sum, right)
))]
struct Counting;

#[step(compensate = none)]
async fn start(_saga: &Counting, amount: u64) -> Result<u64> {
    Ok(amount + 1)
}

#[step(compensate = none)]
async fn both(_saga: &Counting, amount: &u64) -> Result<(u64, Vec<u64>)> {
    Ok((*amount, vec![*amount]))
}

#[step(compensate = none)]
async fn sum(_saga: &Counting, left: &(u64, Vec<u64>), (right, _): (u64, Vec<u64>)) -> Result<u64> {
    Ok(left.0 + right)
}

#[step(compensate = none)]
async fn tick(_saga: &Counting) -> TickResult {
    Ok(())
}

/// Takes nothing, after a step that makes nothing.
#[step(compensate = none)]
async fn tack(_saga: &Counting) -> Result<(), std::convert::Infallible> {
    Ok(())
}

#[step(compensate = none)]
async fn join(
    _saga: &Counting,
    left: &(u64, Vec<u64>),
    input: u64,
    sum: &u64,
    _: &(u64, Vec<u64>),
) -> Result<(u64, u64, u64)> {
    Ok((left.0, input, *sum))
}

/// A saga without input.
#[saga(steps(tock))]
struct Clock;

#[step(compensate = none)]
async fn tock(_clock: &Clock) -> Result<String> {
    Ok("tock".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(saga::run(&Counting, 1).await, Outcome::Completed((2, 1, 4)));
    assert_eq!(saga::run(&Clock, ()).await, Outcome::Completed("tock".to_owned()));
}
