//! Steps may stand in other modules, named by their path or imported, whatever their visibility.

use saga::{Outcome, Saga, saga};

use self::stock::reserve;

#[saga(steps(orders::create -> reserve -> self::orders::close as done), name = "shop", version = 3)]
pub struct Shop;

mod orders {
    use saga::{StepError, step};

    use super::Shop;

    #[step(compensate = none)]
    pub(crate) async fn create(_shop: &Shop, amount: &u64) -> Result<u64, StepError> {
        Ok(amount + 1)
    }

    #[step(compensate = none)]
    pub(super) async fn close(_shop: &Shop, amount: &u64) -> Result<u64, StepError> {
        Ok(amount * 2)
    }
}

mod stock {
    use saga::{StepError, step};

    #[step(compensate = self::undo::release)]
    pub async fn reserve(_shop: &super::Shop, amount: &u64) -> Result<u64, StepError> {
        Ok(*amount)
    }

    mod undo {
        pub(super) async fn release(_shop: &crate::Shop, _amount: &u64) -> Result<(), saga::StepError> {
            Ok(())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(saga::run(&Shop, 20).await, Outcome::Completed(42));
    let definition = Shop::definition();
    assert_eq!((definition.name.as_ref(), definition.version), ("shop", 3));
    assert_eq!(definition.steps[2].name, "done");
    assert_eq!(ShopStep::Done.as_ref(), "done");
}
