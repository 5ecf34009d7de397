//! A step that is generic over the saga runs in every saga that has what it asks for, and so does its compensation.

use saga::{Outcome, StepContext, StepError, saga, step};

trait HasMailer: Send + Sync + 'static {
    fn mail(&self, text: &str) -> usize;
}

#[step(compensate = take_back)]
async fn notify<S: HasMailer>(shop: &S, text: &String) -> Result<usize, StepError> {
    Ok(shop.mail(text))
}

async fn take_back<S: HasMailer>(shop: &S, _letters: &usize) -> Result<(), StepError> {
    shop.mail("never mind");
    Ok(())
}

#[step(compensate = none)]
async fn count<S>(cx: &StepContext<S>, letters: usize) -> Result<(u32, usize), StepError>
where
    S: HasMailer,
{
    cx.mail("counted");
    Ok((cx.attempt(), letters))
}

#[saga(steps(notify -> count))]
struct Shop;

#[saga(steps(notify as first -> notify(input) -> count(first)))]
struct Library;

impl HasMailer for Shop {
    fn mail(&self, text: &str) -> usize {
        text.len()
    }
}

impl HasMailer for Library {
    fn mail(&self, text: &str) -> usize {
        text.len() * 2
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(saga::run(&Shop, "five!".to_owned()).await, Outcome::Completed((1, 5)));
    assert_eq!(saga::run(&Library, "five!".to_owned()).await, Outcome::Completed((1, 10)));
    assert_eq!(notify(&Shop, &"a step is a function".to_owned()).await.unwrap(), 20);
}
