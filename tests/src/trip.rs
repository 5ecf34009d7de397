//! The shortest saga with all kinds of steps: a hotel, the pivot `pay`, and a mail that takes what `pay` made.

use saga::{StepContext, StepError, saga, step};

use crate::services::{Services, staffed};

/// A trip is booked.
#[derive(Debug, Clone, Default)]
#[saga(steps(hotel -> pay -> mail), retry = fixed(1, millis(10)))]
pub struct Trip {
    services: Services,
}

staffed!(Trip);

#[step(compensate = leave_hotel, timeout = minutes(5))]
async fn hotel(cx: &StepContext<Trip>, number: &u64) -> Result<u64, StepError> {
    cx.serve(cx).await?;
    Ok(number + 1)
}

async fn leave_hotel(cx: &StepContext<Trip>, _hotel: &u64) -> Result<(), StepError> {
    cx.undo(cx).await
}

#[step(pivot, timeout = minutes(5))]
async fn pay(cx: &StepContext<Trip>, hotel: &u64) -> Result<u64, StepError> {
    cx.serve(cx).await?;
    Ok(hotel + 1)
}

#[step(retriable, timeout = minutes(5))]
async fn mail(cx: &StepContext<Trip>, payment: &u64) -> Result<u64, StepError> {
    cx.serve(cx).await?;
    Ok(payment + 1)
}
