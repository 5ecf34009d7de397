//! The same four steps as a workflow of the crate `durare`.

use std::sync::Arc;

use durare::{DurableContext, DurableEngine, Result, WorkflowOptions};
use saga_bench::four_steps::Parcel;

pub(crate) struct Peer {
    engine: Arc<DurableEngine>,
}

impl Peer {
    pub(crate) async fn new(url: String) -> Self {
        let builder = DurableEngine::connect(&url).await.expect("a fresh database");
        Self { engine: Arc::new(builder.build().await.expect("a fresh database")) }
    }

    pub(crate) async fn drive(&self, callers: u32, units: u32) {
        let caller = |_| {
            let engine = Arc::clone(&self.engine);
            tokio::spawn(async move {
                for unit in 0..units / callers {
                    let parcel = Parcel::new(unit.into());
                    let started = engine.start_with(FourSteps, parcel, WorkflowOptions::default()).await;
                    let done = started.expect("a start").await.expect("four steps that go well");
                    assert_eq!(done.id, u64::from(unit) + 4);
                }
            })
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        for caller in callers {
            caller.await.expect("a caller");
        }
    }
}

#[durare::step]
async fn first(ctx: &DurableContext, parcel: Parcel) -> Result<Parcel> {
    Ok(parcel.next())
}

#[durare::step]
async fn second(ctx: &DurableContext, parcel: Parcel) -> Result<Parcel> {
    Ok(parcel.next())
}

#[durare::step]
async fn third(ctx: &DurableContext, parcel: Parcel) -> Result<Parcel> {
    Ok(parcel.next())
}

#[durare::step]
async fn fourth(ctx: &DurableContext, parcel: Parcel) -> Result<Parcel> {
    Ok(parcel.next())
}

#[durare::workflow]
async fn four_steps(ctx: DurableContext, parcel: Parcel) -> Result<Parcel> {
    let parcel = first(&ctx, parcel).await?;
    let parcel = second(&ctx, parcel).await?;
    let parcel = third(&ctx, parcel).await?;
    fourth(&ctx, parcel).await
}
