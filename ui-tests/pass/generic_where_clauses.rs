//! A generic saga whose bounds all stand in a `where` clause: of several parameters, of what belongs to them, and of the
//! saga itself; its steps have a `verify` and a compensation, and share types of its parameters by value and by reference.

use std::fmt::Debug;

use saga::{Outcome, StepContext, StepError, saga, step};
use serde::Serialize;
use serde::de::DeserializeOwned;

trait Gateway {
    type Receipt;

    fn charge(&self) -> Self::Receipt;
}

trait Mailer {
    fn mail(&self, text: String) -> usize;
}

#[saga(steps(charge -> (notify & file(charge, input))))]
struct Shop<G, M>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    gateway: G,
    mailer: M,
}

#[step(compensate = refund, verify = find)]
async fn charge<G, M>(shop: &Shop<G, M>, _amount: u64) -> Result<G::Receipt, StepError>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    Ok(shop.gateway.charge())
}

async fn refund<G, M>(_shop: &Shop<G, M>, _receipt: &G::Receipt) -> Result<(), StepError>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    Ok(())
}

async fn find<G, M>(_cx: &StepContext<Shop<G, M>>, _amount: u64) -> Result<Option<G::Receipt>, StepError>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    Ok(None)
}

#[step(compensate = none)]
async fn notify<G, M>(cx: &StepContext<Shop<G, M>>, receipt: &G::Receipt) -> Result<usize, StepError>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    Ok(cx.mailer.mail(format!("{receipt:?}")))
}

#[step(compensate = none)]
async fn file<G, M>(_shop: &Shop<G, M>, receipt: G::Receipt, amount: &u64) -> Result<(G::Receipt, u64), StepError>
where
    G: Gateway + Send + Sync + 'static,
    M: Mailer + Send + Sync + 'static,
    G::Receipt: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    Ok((receipt, *amount))
}

struct Bank;

impl Gateway for Bank {
    type Receipt = String;

    fn charge(&self) -> String {
        "paid".to_owned()
    }
}

struct Post;

impl Mailer for Post {
    fn mail(&self, text: String) -> usize {
        text.len()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let shop = Shop { gateway: Bank, mailer: Post };
    assert_eq!(saga::run(&shop, 12).await, Outcome::Completed((6, ("paid".to_owned(), 12))));
}
