//! The generated code is silent under the lints of a strict crate; `cargo clippy --all-targets` shows it.

#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::unused_async, reason = "the steps of an example have nothing to wait for")]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(
    single_use_lifetimes,
    trivial_casts,
    unused_lifetimes,
    unused_results,
    let_underscore_drop,
    unit_bindings
)]
#![forbid(unsafe_code)]

use saga::{Failure, Outcome, StepContext, StepError, saga, step};

/// A shop.
#[derive(Debug)]
#[saga(steps(price -> charge -> (confirm(price) & note)), timeout = minutes(1))]
pub struct Shop;

/// Why no one pays.
#[derive(Debug, thiserror::Error, Failure)]
pub enum PayError {
    /// It was declined.
    #[error("declined")]
    #[failure(business = "DECLINED")]
    Declined,
}

/// Finds the price.
#[step(compensate = forget(output, article))]
async fn price(_shop: &Shop, article: String) -> Result<u64, StepError> {
    Ok(article.len() as u64)
}

async fn forget(_shop: &Shop, _price: &u64, _article: &String) -> Result<(), StepError> {
    Ok(())
}

#[step(pivot, verify = find)]
async fn charge(_cx: &StepContext<Shop>, price: &u64) -> Result<u64, PayError> {
    if *price == 0 { Err(PayError::Declined) } else { Ok(*price) }
}

async fn find(_cx: &StepContext<Shop>, price: &u64) -> Result<Option<u64>, PayError> {
    Ok(Some(*price))
}

#[step(retriable)]
async fn confirm(_shop: &Shop, price: &u64) -> Result<u64, StepError> {
    Ok(*price)
}

#[step(retriable)]
async fn note(_shop: &Shop, paid: u64) -> Result<(), StepError> {
    assert!(paid > 0, "nothing is free");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let outcome = saga::run(&Shop, "four".to_owned()).await;
    assert_eq!(outcome, Outcome::Completed((4, ())));
}
