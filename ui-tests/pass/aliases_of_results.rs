//! A step may return an alias of a `Result`, whatever it is called; also a private one, in a saga that is public.

use saga::{Outcome, StepError};

type Answer<T> = Result<T, StepError>;

pub mod shop {
    use super::Answer;
    use saga::{Failure, StepContext, saga, step};

    #[saga(steps(price -> charge -> (note & shout)))]
    pub struct Shop;

    #[derive(Debug, thiserror::Error, Failure)]
    #[error("too much")]
    #[failure(business = "TOO_MUCH")]
    pub struct TooMuch;

    type Fallible<T> = Result<T, TooMuch>;
    type Paid = std::result::Result<u64, TooMuch>;

    #[step(compensate = forget, verify = find)]
    async fn price(_shop: &Shop, article: &String) -> Answer<u64> {
        Ok(article.len() as u64)
    }

    async fn forget(_shop: &Shop, _price: &u64) -> Answer<()> {
        Ok(())
    }

    async fn find(_shop: &Shop, _article: &String) -> Answer<Option<u64>> {
        Ok(None)
    }

    #[step(compensate = none)]
    async fn charge(_cx: &StepContext<Shop>, price: u64) -> Paid {
        if price > 100 { Err(TooMuch) } else { Ok(price) }
    }

    #[step(compensate = none)]
    pub async fn note<S: Send + Sync + 'static>(_saga: &S, price: &u64) -> Answer<String> {
        Ok(price.to_string())
    }

    #[step(compensate = none)]
    async fn shout(_shop: &Shop, price: &u64) -> Fallible<String> {
        Ok(format!("{price}!"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let outcome: Outcome<(String, String)> = saga::run(&shop::Shop, "four".to_owned()).await;
    assert_eq!(outcome, Outcome::Completed(("4".to_owned(), "4!".to_owned())));
}
