//! The same four steps as a workflow of the crate `dbos`.

use std::sync::Arc;

use dbos::{Config, DBOS, WorkflowRef, step};
use saga_bench::four_steps::Parcel;

pub(crate) struct Peer {
    dbos: DBOS,
    workflow: Arc<WorkflowRef<Parcel, Parcel>>,
}

impl Peer {
    pub(crate) async fn new(url: String) -> Self {
        // The version is the one setting without a default.
        let config = Config { app_version: Some("1".to_owned()), ..Config::new("bench", url) };
        let dbos = DBOS::new(config);
        let workflow = dbos.register_workflow("four_steps", four_steps).expect("a fresh name");
        dbos.launch().await.expect("a fresh database");
        Self { dbos, workflow: Arc::new(workflow) }
    }

    pub(crate) async fn drive(&self, callers: u32, units: u32) {
        let caller = |_| {
            let workflow = Arc::clone(&self.workflow);
            tokio::spawn(async move {
                for unit in 0..units / callers {
                    let done = workflow.run(Parcel::new(unit.into())).await.expect("four steps that go well");
                    assert_eq!(done.id, u64::from(unit) + 4);
                }
            })
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        for caller in callers {
            caller.await.expect("a caller");
        }
    }

    pub(crate) async fn shutdown(&self) {
        self.dbos.shutdown().await;
    }
}

async fn four_steps(parcel: Parcel) -> dbos::Result<Parcel> {
    let parcel = step("first", || next(&parcel)).await?;
    let parcel = step("second", || next(&parcel)).await?;
    let parcel = step("third", || next(&parcel)).await?;
    step("fourth", || next(&parcel)).await
}

fn next(parcel: &Parcel) -> impl Future<Output = dbos::Result<Parcel>> + Send + 'static {
    let next = parcel.next();
    async move { Ok(next) }
}
