//! When nobody knows whether it happened: an attempt that ended without an answer, and the four ways on from there.
//!
//! The bank carries out every transfer, and answers none of them in time. A timeout (as a crash or a panic would)
//! leaves the attempt *in doubt*: it is not a failure, for the money may be gone.
//!
//! ```text
//! cargo run --example in_doubt
//! ```

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use saga::policy::secs;
use saga::{Coordinator, MemoryStore, Outcome, StepContext, StepError, saga, step};

/// A bank that is slow to answer, and knows what it did.
#[derive(Debug, Default)]
struct Bank {
    calls: AtomicU32,
    /// The keys of the transfers that were carried out.
    transfers: Mutex<Vec<String>>,
}

impl Bank {
    async fn transfer(&self, key: &str) -> Result<String, StepError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        {
            let mut transfers = self.transfers.lock().expect("nothing panics while it holds the transfers");
            // The same key is the same transfer, however often it is asked for.
            if !transfers.iter().any(|known| known == key) {
                transfers.push(key.to_owned());
            }
        }
        tokio::time::sleep(secs(3_600)).await;
        Ok(key.to_owned())
    }

    fn find(&self, key: &str) -> Option<String> {
        let transfers = self.transfers.lock().expect("nothing panics while it holds the transfers");
        transfers.iter().find(|known| *known == key).cloned()
    }

    fn tell(&self) -> String {
        let transfers = self.transfers.lock().expect("nothing panics while it holds the transfers").len();
        let calls = self.calls.load(Ordering::Relaxed);
        format!("calls to the bank: {calls}; transfers that it made: {transfers}")
    }
}

// 1. Retried under the same key, then asked: the step is done, and the saga goes on.

#[saga(steps(reserve -> pay_verified -> print_ticket), retry = fixed(2, millis(10)))]
struct Verified(Bank);

#[step(compensate = pay_back, timeout = millis(40), verify = find_transfer)]
async fn pay_verified(cx: &StepContext<Verified>, _seat: &u32) -> Result<String, StepError> {
    cx.0.transfer(cx.idempotency_key()).await
}

async fn find_transfer(cx: &StepContext<Verified>, _seat: &u32) -> Result<Option<String>, StepError> {
    Ok(cx.0.find(cx.idempotency_key()))
}

async fn pay_back(_saga: &Verified, _transfer: &String) -> Result<(), StepError> {
    Ok(())
}

// 2. Nobody to ask: what is known is undone, and the end is `Failed`, which names the step. It is not
//    `Compensated`: that would claim something that nobody knows.

#[saga(steps(reserve -> pay_unverified -> print_ticket), retry = fixed(2, millis(10)))]
struct Unverified(Bank);

#[step(compensate = pay_back_unverified, timeout = millis(40))]
async fn pay_unverified(cx: &StepContext<Unverified>, _seat: &u32) -> Result<String, StepError> {
    cx.0.transfer(cx.idempotency_key()).await
}

async fn pay_back_unverified(_saga: &Unverified, _transfer: &String) -> Result<(), StepError> {
    Ok(())
}

// 3. A pivot in doubt: neither way is safe to guess, so the saga waits for a person.

#[saga(steps(reserve -> pay_pivot -> hand_out), retry = fixed(2, millis(10)))]
struct PivotInDoubt(Bank);

#[step(pivot, timeout = millis(40))]
async fn pay_pivot(cx: &StepContext<PivotInDoubt>, _seat: &u32) -> Result<String, StepError> {
    cx.0.transfer(cx.idempotency_key()).await
}

// 4. `at_most_once`: a bank without idempotency keys must not be called again, so it is asked at once.

#[saga(steps(reserve -> pay_once -> hand_out), retry = fixed(2, millis(10)))]
struct AtMostOnce(Bank);

#[step(pivot, timeout = millis(40), verify = find_once, at_most_once)]
async fn pay_once(cx: &StepContext<AtMostOnce>, _seat: &u32) -> Result<String, StepError> {
    cx.0.transfer(cx.idempotency_key()).await
}

async fn find_once(cx: &StepContext<AtMostOnce>, _seat: &u32) -> Result<Option<String>, StepError> {
    Ok(cx.0.find(cx.idempotency_key()))
}

// The steps before and after, shared by all four.

#[step(compensate = free)]
async fn reserve<S: Send + Sync + 'static>(_saga: &S, seat: &u32) -> Result<u32, StepError> {
    Ok(*seat)
}

async fn free<S: Send + Sync + 'static>(_saga: &S, seat: &u32) -> Result<(), StepError> {
    println!("   (seat {seat} is free again)");
    Ok(())
}

#[step(compensate = none)]
async fn print_ticket<S: Send + Sync + 'static>(_saga: &S, transfer: &String) -> Result<String, StepError> {
    Ok(format!("a ticket, paid by {transfer}"))
}

/// The same after a pivot: there a step says `retriable`, for there is no way back.
#[step(retriable)]
async fn hand_out<S: Send + Sync + 'static>(_saga: &S, transfer: &String) -> Result<String, StepError> {
    Ok(format!("a ticket, paid by {transfer}"))
}

fn print<T>(outcome: &Outcome<T>, bank: &Bank) {
    println!("   {outcome}\n   {}\n", bank.tell());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("1. with `verify`: timeout, retries, then the question");
    let saga = Verified(Bank::default());
    print(&saga::run(&saga, 17).await, &saga.0);

    println!("2. without `verify`");
    let saga = Unverified(Bank::default());
    print(&saga::run(&saga, 17).await, &saga.0);

    println!("3. a pivot without `verify`");
    let saga = PivotInDoubt(Bank::default());
    print(&saga::run(&saga, 17).await, &saga.0);

    println!("4. `at_most_once`, with `verify`");
    let saga = AtMostOnce(Bank::default());
    print(&saga::run(&saga, 17).await, &saga.0);

    println!("5. the third one again under a coordinator: a person finds out, and says so");
    let coordinator =
        Coordinator::builder(MemoryStore::new()).saga(PivotInDoubt(Bank::default())).build().await?;
    let payment = coordinator.start::<PivotInDoubt>(17).await?;
    println!("   {}", payment.outcome().await?);
    let note = "seen on the bank's statement of today";
    let transfer = "transfer 4711".to_owned();
    coordinator.supply(payment.id(), PivotInDoubtStep::PayPivot, &transfer, note).await?;
    match payment.outcome().await? {
        Outcome::Completed(receipt) => println!("   supplied by hand, and completed: {receipt}"),
        other => println!("   {other}"),
    }
    Ok(())
}
