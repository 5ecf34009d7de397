//! The saga that is killed: steps that take a moment, two branches, a pivot that may get no answer, and services in
//! a world outside of the process. All that a step tells is signed by the process that ran it.

mod verdict;

use std::time::Duration;

use saga::{StepContext, StepError, saga, step};
use serde::{Deserialize, Serialize};

use crate::outside::{Call, Outside};

pub use verdict::{Callers, wrong};

/// A shipment: goods are picked and a van is booked at the same time, all is packed, paid, and sent.
#[derive(Debug)]
#[saga(
    steps(
        open
        -> (pick(input) & book_van(input))
        -> pack(input)
        -> pay(input)
        -> (send(input) & tell(input))
    ),
    retry = fixed(2, millis(5)),
    compensation = sequential(secs(30)).retry(fixed(2, millis(5))),
)]
pub struct Shipment {
    /// The world.
    pub outside: Outside,
    /// How long it takes before a call, and after it: long enough that a kill hits attempts under way.
    pub moment: Duration,
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

/// Who did it: the caller's name, as the output of each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed(String);

impl Shipment {
    fn signed(&self) -> Signed {
        Signed(self.outside.caller().to_owned())
    }

    /// What failed, and who says so.
    fn says(&self, what: &str) -> String {
        format!("{what}{SAID_BY}{}", self.outside.caller())
    }
}

/// Between what failed, and who says so.
const SAID_BY: &str = ", says ";

async fn call(cx: &StepContext<Shipment>, call: Call) -> Result<(), StepError> {
    tokio::time::sleep(cx.moment).await;
    cx.outside.enter(cx, call)?;
    tokio::time::sleep(cx.moment).await;
    Ok(())
}

async fn served(cx: &StepContext<Shipment>) -> Result<Signed, StepError> {
    call(cx, Call::Effect).await?;
    Ok(cx.signed())
}

async fn undone(cx: &StepContext<Shipment>) -> Result<(), StepError> {
    call(cx, Call::Undo).await
}

#[step(compensate = close)]
async fn open(cx: &StepContext<Shipment>, _course: &Course) -> Result<Signed, StepError> {
    served(cx).await
}

async fn close(cx: &StepContext<Shipment>, _opened: &Signed) -> Result<(), StepError> {
    undone(cx).await
}

/// Its undo takes no output, so a pick in doubt is undone too.
#[step(compensate = put_back(course))]
async fn pick(cx: &StepContext<Shipment>, course: &Course) -> Result<Signed, StepError> {
    assert!(Course::ALL.contains(course));
    served(cx).await
}

async fn put_back(cx: &StepContext<Shipment>, course: &Course) -> Result<(), StepError> {
    if *course == Course::Jammed {
        return Err(StepError::permanent(cx.says("the shelf is gone")));
    }
    undone(cx).await
}

#[step(compensate = send_van_home(course))]
async fn book_van(cx: &StepContext<Shipment>, course: &Course) -> Result<Signed, StepError> {
    if *course == Course::NoVan {
        tokio::time::sleep(cx.moment).await;
        return Err(StepError::business("NO_VAN", cx.says("all vans are out")));
    }
    served(cx).await
}

async fn send_van_home(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    undone(cx).await
}

#[step(compensate = unpack(course))]
async fn pack(cx: &StepContext<Shipment>, course: &Course) -> Result<Signed, StepError> {
    assert_ne!(*course, Course::NoVan);
    served(cx).await
}

async fn unpack(cx: &StepContext<Shipment>, _course: &Course) -> Result<(), StepError> {
    undone(cx).await
}

#[step(pivot, verify = find_payment)]
async fn pay(cx: &StepContext<Shipment>, course: &Course) -> Result<Signed, StepError> {
    match course {
        Course::Declined | Course::Jammed => Err(StepError::business("DECLINED", cx.says("no funds"))),
        Course::Silent => Err(StepError::in_doubt(cx.says("no answer"))),
        Course::Mute => {
            served(cx).await?;
            Err(StepError::in_doubt(cx.says("no answer")))
        }
        Course::Well | Course::NoVan => served(cx).await,
    }
}

async fn find_payment(cx: &StepContext<Shipment>, _course: &Course) -> Result<Option<Signed>, StepError> {
    Ok(cx.outside.has_effect(cx)?.then(|| cx.signed()))
}

#[step(retriable)]
async fn send(cx: &StepContext<Shipment>, _course: &Course) -> Result<Signed, StepError> {
    served(cx).await
}

#[step(retriable)]
async fn tell(cx: &StepContext<Shipment>, _course: &Course) -> Result<Signed, StepError> {
    served(cx).await
}
