//! Rollback and nothing else: `saga::run` drives one saga in memory, without a store and without a coordinator.
//!
//! For those who only want that a failure at step three undoes steps two and one, with typed data all the way. A
//! crash of the process forgets the saga: where that matters, see `order_processing`.
//!
//! ```text
//! cargo run --example checkout_in_memory
//! ```

use std::sync::Mutex;

use saga::{Failure, Outcome, saga, step};
use serde::{Deserialize, Serialize};

/// A theatre's box office: its services are two lists in memory.
#[saga(
    steps(hold_seats -> charge_card(hold_seats, input) -> print_tickets(hold_seats)),
    retry = fixed(2, millis(5)),
)]
struct Checkout {
    free_seats: Mutex<Vec<u32>>,
    charges: Mutex<Vec<(String, u32)>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Basket {
    card: String,
    seats: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hold {
    seats: Vec<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    card: String,
    euros: u32,
}

#[derive(Debug, thiserror::Error, Failure)]
enum CheckoutError {
    #[error("{wanted} seats wanted, {free} free")]
    #[failure(business = "SOLD_OUT")]
    SoldOut { wanted: usize, free: usize },
    #[error("the card is blocked")]
    #[failure(business = "CARD_BLOCKED")]
    CardBlocked,
    #[error("the printer is out of paper")]
    #[failure(transient)]
    NoPaper,
}

#[step(compensate = free_seats)]
async fn hold_seats(shop: &Checkout, basket: &Basket) -> Result<Hold, CheckoutError> {
    let mut free_seats = shop.free_seats.lock().expect("nothing panics while it holds the seats");
    let free = free_seats.len();
    let first =
        free.checked_sub(basket.seats).ok_or(CheckoutError::SoldOut { wanted: basket.seats, free })?;
    let seats = free_seats.split_off(first);
    println!("    hold_seats       {seats:?}");
    Ok(Hold { seats })
}

async fn free_seats(shop: &Checkout, hold: &Hold) -> Result<(), CheckoutError> {
    println!("    undo hold_seats  {:?} are free again", hold.seats);
    shop.free_seats.lock().expect("nothing panics while it holds the seats").extend(&hold.seats);
    Ok(())
}

#[step(compensate = refund)]
async fn charge_card(shop: &Checkout, hold: &Hold, basket: &Basket) -> Result<Receipt, CheckoutError> {
    if basket.card == "blocked" {
        return Err(CheckoutError::CardBlocked);
    }
    let euros = hold.seats.iter().map(|_| 40).sum();
    println!("    charge_card      {euros} EUR from {}", basket.card);
    shop.charges
        .lock()
        .expect("nothing panics while it holds the charges")
        .push((basket.card.clone(), euros));
    Ok(Receipt { card: basket.card.clone(), euros })
}

async fn refund(shop: &Checkout, receipt: &Receipt) -> Result<(), CheckoutError> {
    println!("    undo charge_card {} EUR back to {}", receipt.euros, receipt.card);
    let mut charges = shop.charges.lock().expect("nothing panics while it holds the charges");
    charges.retain(|(card, _)| *card != receipt.card);
    Ok(())
}

/// Paper for two tickets is in the printer.
#[step(compensate = none)]
async fn print_tickets(_shop: &Checkout, hold: &Hold) -> Result<Vec<String>, CheckoutError> {
    println!("    print_tickets    {} of them", hold.seats.len());
    if hold.seats.len() > 2 {
        return Err(CheckoutError::NoPaper);
    }
    Ok(hold.seats.iter().map(|seat| format!("row 1, seat {seat}")).collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let shop = Checkout { free_seats: Mutex::new((1..=6).collect()), charges: Mutex::default() };
    for (card, seats) in [("Ada's", 2), ("blocked", 2), ("Ben's", 3), ("Cleo's", 9)] {
        println!("{seats} seats on {card} card");
        let outcome = saga::run(&shop, Basket { card: card.to_owned(), seats }).await;
        match &outcome {
            Outcome::Completed(tickets) => println!("  completed: {}\n", tickets.join("; ")),
            // The error's own code has come through: this is what a caller decides by.
            Outcome::Compensated(failure) if failure.code.as_deref() == Some("SOLD_OUT") => {
                println!("  sold out: {}\n", failure.message);
            }
            other => println!("  {other}\n"),
        }
    }
    println!("Free seats:  {:?}", shop.free_seats.into_inner().expect("nobody panicked"));
    println!("Charges:     {:?}", shop.charges.into_inner().expect("nobody panicked"));
}
