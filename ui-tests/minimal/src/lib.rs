//! A saga in a crate that depends on nothing but `saga` and serde: no tokio, no thiserror. `saga` has another name
//! here, which the macros are told by `crate = my_saga`.

#![allow(clippy::unused_async, reason = "the steps of an example have nothing to wait for")]

use my_saga::{Failure, StepContext, StepError, saga, step};
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// How much.
    pub amount: u64,
}

/// Why it is refused.
#[derive(Debug, Failure)]
#[failure(business = "TOO_MUCH", crate = my_saga)]
pub struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too much")
    }
}

impl std::error::Error for TooMuch {}

/// A shop.
#[saga(steps(reserve -> charge -> confirm), crate = my_saga)]
#[derive(Debug)]
pub struct Shop;

#[step(compensate = release, crate = my_saga)]
async fn reserve(_shop: &Shop, request: &Request) -> Result<u64, TooMuch> {
    if request.amount > 100 { Err(TooMuch) } else { Ok(request.amount) }
}

async fn release(_shop: &Shop, _amount: &u64) -> Result<(), StepError> {
    Ok(())
}

#[step(pivot, verify = find, crate = my_saga)]
async fn charge(_cx: &StepContext<Shop>, amount: u64) -> Result<u64, StepError> {
    Ok(amount)
}

async fn find(_cx: &StepContext<Shop>, amount: u64) -> Result<Option<u64>, StepError> {
    Ok(Some(amount))
}

#[step(retriable, crate = my_saga)]
async fn confirm(_shop: &Shop, amount: &u64) -> Result<u64, StepError> {
    Ok(*amount)
}

/// A saga that money can be taken from.
pub trait Purse: Send + Sync + 'static {
    /// How much there is.
    fn holds(&self) -> u64;
}

/// Takes money, in any saga.
///
/// # Errors
/// There is less.
#[step(compensate = give_back, crate = my_saga)]
pub async fn take<S: Purse>(saga: &S, amount: &u64) -> Result<u64, TooMuch> {
    saga.holds().checked_sub(*amount).ok_or(TooMuch)
}

async fn give_back<S: Purse>(_saga: &S, _rest: &u64) -> Result<(), StepError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use my_saga::Saga;

    use super::*;

    #[test]
    fn a_saga_needs_no_other_dependency() {
        let definition = Shop::definition();
        assert!(definition.check().is_ok());
        assert_eq!(definition.steps.len(), ShopStep::Confirm as usize + 1);
        assert_eq!(ShopStep::Charge.as_ref(), "charge");
        assert!(definition.mermaid().contains("charge") && definition.graphviz().contains("charge"));
    }
}
