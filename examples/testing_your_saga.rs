//! How to test a saga of yours: let its process die at every write, and see whether the world is right each time.
//!
//! A saga's services are fields of its struct, so a test gives it others: here a
//! [`Ledger`](saga::testing::Ledger), which remembers what was done to it, under which idempotency key, and outlives
//! the deaths of its callers. The second shop has a mistake that no ordinary test finds: without a crash all goes
//! well.
//!
//! ```text
//! cargo run --example testing_your_saga
//! ```
//!
//! In a crate of yours: `saga = { version = "..", features = ["testing"] }` under `[dev-dependencies]`, and
//! `saga::testing::crash_at_every_write(..)` in a plain `#[test]`.

use std::sync::Mutex;

use saga::testing::{CrashTest, Ledger};
use saga::{StepContext, StepError, saga, step};

/// A shop as it should be: each service is told the idempotency key of the call.
#[saga(steps(order -> reserve -> charge -> ship), retry = fixed(2, secs(1)))]
struct Shop {
    world: Ledger,
    is_card_good: bool,
}

#[step(compensate = cancel)]
async fn order(cx: &StepContext<Shop>, euros: &u32) -> Result<u32, StepError> {
    cx.world.record(cx);
    Ok(*euros)
}

async fn cancel(cx: &StepContext<Shop>, _order: &u32) -> Result<(), StepError> {
    cx.world.record(cx);
    Ok(())
}

#[step(compensate = release)]
async fn reserve(cx: &StepContext<Shop>, order: &u32) -> Result<u32, StepError> {
    cx.world.record(cx);
    Ok(*order)
}

async fn release(cx: &StepContext<Shop>, _stock: &u32) -> Result<(), StepError> {
    cx.world.record(cx);
    Ok(())
}

#[step(pivot, verify = find_charge)]
async fn charge(cx: &StepContext<Shop>, stock: &u32) -> Result<u32, StepError> {
    if !cx.is_card_good {
        return Err(StepError::business("CARD_DECLINED", "card declined"));
    }
    cx.world.record(cx);
    Ok(*stock)
}

async fn find_charge(cx: &StepContext<Shop>, stock: &u32) -> Result<Option<u32>, StepError> {
    Ok(cx.world.has_effect(cx).then_some(*stock))
}

#[step(retriable)]
async fn ship(cx: &StepContext<Shop>, _charge: &u32) -> Result<(), StepError> {
    cx.world.record(cx);
    Ok(())
}

/// A shop with a mistake: it remembers in the memory of its process what it has to give back.
#[saga(steps(put_aside -> pay))]
struct ForgetfulShop {
    world: Ledger,
    put_aside: Mutex<Vec<u32>>,
}

#[step(compensate = put_back)]
async fn put_aside(cx: &StepContext<ForgetfulShop>, article: &u32) -> Result<u32, StepError> {
    cx.world.record(cx);
    cx.put_aside.lock().expect("nothing panics while it holds the list").push(*article);
    Ok(*article)
}

async fn put_back(cx: &StepContext<ForgetfulShop>, article: &u32) -> Result<(), StepError> {
    let mut list = cx.put_aside.lock().expect("nothing panics while it holds the list");
    // After a crash the list is empty: nothing is put back, and nobody hears of it.
    if let Some(at) = list.iter().position(|known| known == article) {
        list.remove(at);
        cx.world.record(cx);
    }
    Ok(())
}

#[step(compensate = none)]
async fn pay(_cx: &StepContext<ForgetfulShop>, _article: &u32) -> Result<(), StepError> {
    Err(StepError::business("CARD_DECLINED", "card declined"))
}

/// Not inside a runtime: each life of the process gets its own.
fn main() {
    for is_card_good in [true, false] {
        let services = move |world: &Ledger| Shop { world: world.clone(), is_card_good };
        let card = if is_card_good { "good" } else { "bad" };
        match CrashTest::new(services, || 120).run() {
            Ok(report) => println!("Shop, {card} card: all is well after {report}"),
            Err(failure) => println!("Shop, {card} card: {failure}"),
        }
    }

    println!("\nForgetfulShop:");
    let services = |world: &Ledger| ForgetfulShop { world: world.clone(), put_aside: Mutex::default() };
    match CrashTest::new(services, || 7).run() {
        Ok(report) => println!("all is well after {report}"),
        // Printed as a whole, a failure tells each call on the store too.
        Err(failure) => println!(
            "after {}:\n  {}\nthe journal:\n{}the world:\n  {}",
            failure.faults.join(", "),
            failure.violations.join("\n  "),
            failure.journal,
            failure.world.join("\n  ")
        ),
    }
}
