//! Steps may stand in another crate, which names the library otherwise: those that any saga can have.

use saga::{Outcome, StepError, saga, step};
use saga_ui_minimal::{Purse, take};

#[saga(steps(price -> take -> saga_ui_minimal::take(price) as take_again))]
struct Stall;

#[step(compensate = none)]
async fn price(_stall: &Stall, pieces: &u64) -> Result<u64, StepError> {
    Ok(pieces * 3)
}

impl Purse for Stall {
    fn holds(&self) -> u64 {
        10
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(saga::run(&Stall, 2).await, Outcome::Completed(4));
    assert!(matches!(saga::run(&Stall, 4).await, Outcome::Compensated(_)));
}
