//! The work of every comparison: four steps that do nothing but return a struct of 200 bytes.

use saga::{StepError, saga, step};
use serde::{Deserialize, Serialize};

/// What each step takes and returns: 200 bytes of plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Which one.
    pub id: u64,
    /// What is in it.
    pub items: [u64; 24],
}

impl Parcel {
    /// A parcel with numbers as they come in orders: ids, quantities, prices.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        let mut items = [0; 24];
        let mut index = 0;
        while index < items.len() {
            items[index] = 1_000_000 + id % 1_000 + index as u64;
            index += 1;
        }
        Self { id, items }
    }

    /// The same parcel one step further.
    #[must_use]
    pub const fn next(&self) -> Self {
        Self { id: self.id + 1, items: self.items }
    }
}

const _: () = assert!(size_of::<Parcel>() == 200);

/// Four steps that go well.
#[derive(Debug)]
#[saga(steps(first -> second -> third -> fourth))]
pub struct FourSteps;

/// Three steps that go well and a fourth that is refused, so that three are undone.
#[derive(Debug)]
#[saga(steps(first -> second -> third -> refused))]
pub struct FailingFourth;

/// The first step.
#[step(compensate = undo)]
pub async fn first<S>(_saga: &S, parcel: &Parcel) -> Result<Parcel, StepError> {
    Ok(parcel.next())
}

/// The second step.
#[step(compensate = undo)]
pub async fn second<S>(_saga: &S, parcel: &Parcel) -> Result<Parcel, StepError> {
    Ok(parcel.next())
}

/// The third step.
#[step(compensate = undo)]
pub async fn third<S>(_saga: &S, parcel: &Parcel) -> Result<Parcel, StepError> {
    Ok(parcel.next())
}

/// The fourth step.
#[step(compensate = undo)]
pub async fn fourth<S>(_saga: &S, parcel: &Parcel) -> Result<Parcel, StepError> {
    Ok(parcel.next())
}

/// A step that is refused.
#[step(compensate = undo)]
pub async fn refused<S>(_saga: &S, _parcel: &Parcel) -> Result<Parcel, StepError> {
    Err(StepError::business("REFUSED", "refused"))
}

#[expect(clippy::unused_async, reason = "a compensation is an `async fn`")]
async fn undo<S>(_saga: &S, _parcel: &Parcel) -> Result<(), StepError> {
    Ok(())
}
