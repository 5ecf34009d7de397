//! A shared step runs in the sagas that have what it needs.

use saga::{StepError, saga, step};

#[saga(steps(notify))]
struct Shop;

trait HasMailer: Send + Sync + 'static {
    fn mail(&self, text: &str);
}

#[step(compensate = none)]
async fn notify<S: HasMailer>(shop: &S, _cart: &u64) -> Result<(), StepError> {
    shop.mail("on its way");
    Ok(())
}

fn main() {}
