//! The saga that is killed: steps that take a moment, two branches, a pivot that may get no answer, and services in
//! a world outside of the process.

use std::path::PathBuf;
use std::time::Duration;

use saga::{StepContext, StepError, saga, step};
use serde::{Deserialize, Serialize};

use crate::outside::{Call, Outside};

/// A shipment: goods are picked and a van is booked at the same time, all is packed, paid, and sent.
#[derive(Debug)]
#[saga(
    steps(open -> (pick & book_van(open)) -> pack(open) -> pay(open) -> (send(open) & tell(open))),
    retry = fixed(2, millis(5)),
    compensation = sequential(secs(30)).retry(fixed(2, millis(5))),
)]
pub struct Shipment {
    /// The world.
    pub outside: Outside,
    /// Its file.
    pub path: PathBuf,
}

/// What is to become of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Course {
    /// All goes well.
    Well,
    /// A branch refuses, and what is done is undone.
    NoVan,
    /// The pivot refuses, and what is done is undone.
    Declined,
    /// The pivot pays and gives no answer; it is asked, and the saga goes forward.
    Mute,
    /// The pivot gives no answer and has not paid; it is asked, and the saga goes back.
    Silent,
    /// The pivot refuses, an undo fails for good, and the saga is parked.
    Jammed,
}

impl Course {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Well, Self::NoVan, Self::Declined, Self::Mute, Self::Silent, Self::Jammed];

    /// The one of shipment number `number`.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }
}

/// Long enough that a kill hits attempts under way.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

async fn served(cx: &StepContext<Shipment>) -> Result<(), StepError> {
    a_moment().await;
    cx.outside.enter(cx, Call::Effect)?;
    a_moment().await;
    Ok(())
}

async fn undone(cx: &StepContext<Shipment>) -> Result<(), StepError> {
    a_moment().await;
    cx.outside.enter(cx, Call::Undo)?;
    a_moment().await;
    Ok(())
}

#[step(compensate = close)]
async fn open(cx: &StepContext<Shipment>, course: &Course) -> Result<Course, StepError> {
    served(cx).await?;
    Ok(*course)
}

async fn close(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    undone(cx).await
}

/// Its undo takes no output, so a pick in doubt is undone too.
#[step(compensate = put_back(course))]
async fn pick(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    assert!(Course::ALL.contains(course));
    served(cx).await
}

async fn put_back(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    if *course == Course::Jammed {
        return Err(StepError::permanent("the shelf is gone"));
    }
    undone(cx).await
}

#[step(compensate = send_van_home(course))]
async fn book_van(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    if *course == Course::NoVan {
        a_moment().await;
        return Err(StepError::business("NO_VAN", "all vans are out"));
    }
    served(cx).await
}

async fn send_van_home(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    undone(cx).await
}

#[step(compensate = unpack(course))]
async fn pack(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    assert_ne!(*course, Course::NoVan);
    served(cx).await
}

async fn unpack(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    undone(cx).await
}

#[step(pivot, verify = find_payment)]
async fn pay(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    match course {
        Course::Declined | Course::Jammed => Err(StepError::business("DECLINED", "no funds")),
        Course::Silent => Err(StepError::in_doubt("no answer")),
        Course::Mute => {
            served(cx).await?;
            Err(StepError::in_doubt("no answer"))
        }
        Course::Well | Course::NoVan => served(cx).await,
    }
}

async fn find_payment(cx: &StepContext<Shipment>, _course: &Course) -> Result<Option<()>, StepError> {
    Ok(Outside::has_effect(&cx.path, cx)?.then_some(()))
}

#[step(retriable)]
async fn send(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    served(cx).await
}

#[step(retriable)]
async fn tell(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    served(cx).await
}
