//! Steps that run at the same time: `(flight & hotel & car)`, and a step after them that takes what all of them made.
//!
//! Two runs: all goes well, and the whole takes as long as its slowest branch; then the hotel is full while the
//! flight is still being booked: that attempt ends first, and what is done is undone.
//!
//! ```text
//! cargo run --example parallel_steps
//! ```

use saga::policy::millis;
use saga::{Outcome, StepError, saga, step};
use saga_examples::timeline::Recorder;
use serde::{Deserialize, Serialize};

/// A trip: three bookings at once, then one bill over all of them.
#[saga(
    steps((flight & hotel & car) -> bill),
    compensation = parallel(secs(1)),
)]
struct Trip {
    hotel_is_full: bool,
    recorder: Recorder,
}

/// A booking, and its price in euros.
#[derive(Debug, Serialize, Deserialize)]
struct Booking {
    what: String,
    euros: u32,
}

#[step(compensate = cancel)]
async fn flight(trip: &Trip, traveller: &String) -> Result<Booking, StepError> {
    trip.recorder.take("flight", millis(120), '█').await;
    Ok(Booking { what: format!("flight for {traveller}"), euros: 310 })
}

#[step(compensate = cancel)]
async fn hotel(trip: &Trip, traveller: &String) -> Result<Booking, StepError> {
    let fill = if trip.hotel_is_full { '▒' } else { '█' };
    trip.recorder.take("hotel", millis(60), fill).await;
    if trip.hotel_is_full {
        return Err(StepError::business("HOTEL_FULL", "no room left"));
    }
    Ok(Booking { what: format!("room for {traveller}"), euros: 240 })
}

#[step(compensate = cancel)]
async fn car(trip: &Trip, traveller: &String) -> Result<Booking, StepError> {
    trip.recorder.take("car", millis(40), '█').await;
    Ok(Booking { what: format!("car for {traveller}"), euros: 95 })
}

/// The undo of all three: one function may undo many steps.
async fn cancel(trip: &Trip, booking: &Booking) -> Result<(), StepError> {
    trip.recorder.take(&format!("undo {}", booking.what), millis(50), '◄').await;
    Ok(())
}

/// One parameter for each parallel branch, in their order.
#[step(compensate = none)]
async fn bill(trip: &Trip, flight: &Booking, hotel: &Booking, car: &Booking) -> Result<u32, StepError> {
    trip.recorder.take("bill", millis(20), '█').await;
    Ok(flight.euros + hotel.euros + car.euros)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("█ done   ▒ failed   ◄ undone\n");
    for hotel_is_full in [false, true] {
        let trip = Trip { hotel_is_full, recorder: Recorder::start() };
        match saga::run(&trip, "Ada".to_owned()).await {
            Outcome::Completed(euros) => println!("completed: {euros} EUR"),
            other => println!("{other}"),
        }
        println!("{}", trip.recorder.timeline());
    }
}
