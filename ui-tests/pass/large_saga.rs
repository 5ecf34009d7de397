//! A saga may have many steps, and a compensation strategy of its own.

use std::sync::Mutex;

use saga::policy::CompensationStrategy;
use saga::{Outcome, Saga, StepError, saga, step};

/// Undoes the steps in the order in which they were done.
struct OldestFirst;

impl CompensationStrategy for OldestFirst {
    fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
        done.iter().map(|step| vec![(*step).to_owned()]).collect()
    }
}

macro_rules! large_saga {
    ($first:ident $($rest:ident)*) => {
        #[saga(steps($first $(-> $rest)* -> last), compensation = custom(OldestFirst))]
        struct Large {
            undone: Mutex<Vec<u64>>,
        }

        large_saga!(@step $first);
        $(large_saga!(@step $rest);)*
    };
    (@step $name:ident) => {
        #[step(compensate = undo)]
        async fn $name(_saga: &Large, number: &u64) -> Result<u64, StepError> {
            Ok(number + 1)
        }
    };
}

large_saga! {
    s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15
    s16 s17 s18 s19 s20 s21 s22 s23 s24 s25 s26 s27 s28 s29 s30 s31
    s32 s33 s34 s35 s36 s37 s38 s39 s40 s41 s42 s43 s44 s45 s46 s47
    s48 s49 s50 s51 s52 s53 s54 s55 s56 s57 s58 s59 s60 s61 s62 s63
}

async fn undo(saga: &Large, number: &u64) -> Result<(), StepError> {
    saga.undone.lock().unwrap().push(*number);
    Ok(())
}

#[step(compensate = none)]
async fn last(_saga: &Large, number: &u64) -> Result<u64, StepError> {
    if *number > 100 { Err(StepError::business("TOO_MUCH", "too much")) } else { Ok(*number) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(Large::definition().steps.len(), 65);
    let saga = Large { undone: Mutex::default() };
    assert_eq!(saga::run(&saga, 1).await, Outcome::Completed(65));
    assert!(matches!(saga::run(&saga, 100).await, Outcome::Compensated(_)));
    let undone = saga.undone.into_inner().unwrap();
    assert_eq!(undone, (101..=164).collect::<Vec<u64>>());
}
