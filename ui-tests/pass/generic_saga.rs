//! A saga may be generic over types and constants, with bounds beside its name and in a `where` clause.

use saga::{Outcome, StepContext, StepError, saga, step};
use serde::Serialize;
use serde::de::DeserializeOwned;

trait Gateway: Send + Sync + 'static {
    type Receipt: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    fn charge(&self, amount: u64) -> Self::Receipt;
}

#[saga(steps(price -> charge -> refund_note))]
struct Shop<G: Gateway, const FEE: u64>
where
    G::Receipt: PartialEq,
{
    gateway: G,
}

#[step(compensate = none)]
async fn price<G: Gateway, const FEE: u64>(_shop: &Shop<G, FEE>, amount: &u64) -> Result<u64, StepError>
where
    G::Receipt: PartialEq,
{
    Ok(amount + FEE)
}

#[step(compensate = refund(output, amount))]
async fn charge<G, const FEE: u64>(
    cx: &StepContext<Shop<G, FEE>>,
    amount: u64,
) -> Result<G::Receipt, StepError>
where
    G: Gateway,
    G::Receipt: PartialEq,
{
    Ok(cx.gateway.charge(amount))
}

async fn refund<G, const FEE: u64>(
    _cx: &StepContext<Shop<G, FEE>>,
    _receipt: &G::Receipt,
    _amount: &u64,
) -> Result<(), StepError>
where
    G: Gateway,
    G::Receipt: PartialEq,
{
    Ok(())
}

#[step(compensate = none)]
async fn refund_note<G, const FEE: u64>(
    _shop: &Shop<G, FEE>,
    receipt: &G::Receipt,
) -> Result<G::Receipt, StepError>
where
    G: Gateway,
    G::Receipt: PartialEq,
{
    Ok(receipt.clone())
}

struct Bank;

impl Gateway for Bank {
    type Receipt = String;

    fn charge(&self, amount: u64) -> String {
        format!("{amount} paid")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let outcome = saga::run(&Shop::<Bank, 3> { gateway: Bank }, 12).await;
    assert_eq!(outcome, Outcome::Completed("15 paid".to_owned()));
}
