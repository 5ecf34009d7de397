//! A saga whose steps make data of types of their own: three bookings that are undone, then the pivot.

use saga::{StepContext, StepError, saga, step};
use serde::{Deserialize, Serialize};

use crate::services::{Services, staffed};

/// A journey is booked. It takes its retries, its deadline and its way back from the coordinator.
#[derive(Debug, Clone, Default)]
#[saga(steps(flight -> room -> car -> pay(flight, room, car)))]
pub struct Journey {
    services: Services,
}

staffed!(Journey);

/// A seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// In which row.
    pub row: u32,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// On which floor, with the row of the seat.
    pub floor: u32,
}

/// A car.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Car {
    /// With the floor of the room.
    pub plate: String,
}

#[step(compensate = give_back_flight)]
async fn flight(cx: &StepContext<Journey>, row: &u32) -> Result<Seat, StepError> {
    cx.serve(cx).await?;
    Ok(Seat { row: *row })
}

async fn give_back_flight(cx: &StepContext<Journey>, seat: &Seat) -> Result<(), StepError> {
    cx.say(format!("{seat:?}"));
    cx.undo(cx).await
}

#[step(compensate = give_back_room)]
async fn room(cx: &StepContext<Journey>, seat: &Seat) -> Result<Room, StepError> {
    cx.serve(cx).await?;
    Ok(Room { floor: seat.row * 10 })
}

async fn give_back_room(cx: &StepContext<Journey>, room: &Room) -> Result<(), StepError> {
    cx.say(format!("{room:?}"));
    cx.undo(cx).await
}

#[step(compensate = give_back_car)]
async fn car(cx: &StepContext<Journey>, room: &Room) -> Result<Car, StepError> {
    cx.serve(cx).await?;
    Ok(Car { plate: format!("S-AG-{}", room.floor) })
}

async fn give_back_car(cx: &StepContext<Journey>, car: &Car) -> Result<(), StepError> {
    cx.say(format!("{car:?}"));
    cx.undo(cx).await
}

#[step(pivot)]
async fn pay(cx: &StepContext<Journey>, seat: &Seat, room: &Room, car: &Car) -> Result<String, StepError> {
    cx.serve(cx).await?;
    Ok(format!("{} {} {}", seat.row, room.floor, car.plate))
}
