//! A shared step runs in the sagas that have what it needs. The words are the compiler's own.

use saga::{StepError, saga, step};

#[saga(steps(notify))]
struct Shop;

trait HasMailer: Send + Sync + 'static {
    fn mail(&self, text: &str);
}

struct Library;

impl HasMailer for Library {
    fn mail(&self, _text: &str) {}
}

#[step(compensate = none)]
async fn notify<S: HasMailer>(shop: &S, _cart: &u64) -> Result<(), StepError> {
    shop.mail("on its way");
    Ok(())
}

fn main() {}
