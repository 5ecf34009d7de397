//! Callers that each start a saga of four steps and wait for its end, again and again.

use std::sync::Arc;

use saga::{Coordinator, Store};

use crate::four_steps::{FourSteps, Parcel};

/// A coordinator of the sagas that are measured, with the default settings.
pub async fn coordinator(store: impl Store) -> Arc<Coordinator> {
    Arc::new(Coordinator::builder(store).saga(FourSteps).build().await.expect("an open store answers"))
}

/// So many sagas, shared out among so many callers.
pub async fn drive(coordinator: &Arc<Coordinator>, callers: u32, units: u32) {
    let caller = |_| {
        let coordinator = Arc::clone(coordinator);
        tokio::spawn(async move {
            for unit in 0..units / callers {
                let handle = coordinator.start::<FourSteps>(Parcel::new(unit.into())).await.expect("a start");
                let outcome = handle.outcome().await.expect("an outcome");
                assert_eq!(outcome.completed().expect("four steps that go well").id, u64::from(unit) + 4);
            }
        })
    };
    let callers: Vec<_> = (0..callers).map(caller).collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
}
