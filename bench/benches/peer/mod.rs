//! The same four steps with steno, in memory.

use std::sync::Arc;

use saga_bench::four_steps::Parcel;
use steno::{
    ActionContext, ActionError, ActionFunc, ActionRegistry, DagBuilder, Node, SagaDag, SagaId, SagaName,
    SagaType, SecClient,
};
use tokio::runtime::Runtime;

/// A saga execution coordinator with its registry.
pub(crate) struct Peer {
    coordinator: SecClient,
    registry: Arc<ActionRegistry<FourSteps>>,
    actions: [Arc<dyn steno::Action<FourSteps>>; 4],
}

#[derive(Debug)]
struct FourSteps;

impl SagaType for FourSteps {
    type ExecContextType = Arc<()>;
}

const NODES: [&str; 4] = ["first", "second", "third", "fourth"];

impl Peer {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        let log = slog::Logger::root(slog::Discard, slog::o!());
        let store = Arc::new(steno::InMemorySecStore::new());
        // It spawns its task on the runtime at hand.
        let coordinator = runtime.block_on(async { steno::sec(log, store) });
        let actions = [
            ActionFunc::new_action("first", first, undo),
            ActionFunc::new_action("second", second, undo),
            ActionFunc::new_action("third", third, undo),
            ActionFunc::new_action("fourth", fourth, undo),
        ];
        let mut registry = ActionRegistry::new();
        for action in &actions {
            registry.register(Arc::clone(action));
        }
        Self { coordinator, registry: Arc::new(registry), actions }
    }

    pub(crate) async fn drive(&self, units: u32) {
        for unit in 0..units {
            let mut dag = DagBuilder::new(SagaName::new("four-steps"));
            for (node, action) in NODES.iter().zip(&self.actions) {
                dag.append(Node::action(*node, *node, action.as_ref()));
            }
            let parcel = serde_json::to_value(Parcel::new(unit.into())).expect("plain data");
            let dag = Arc::new(SagaDag::new(dag.build().expect("a flow"), parcel));
            let id = SagaId::new_v4();
            let registry = Arc::clone(&self.registry);
            let end = self.coordinator.saga_create(id, Arc::new(Arc::new(())), dag, registry);
            let end = end.await.expect("a saga");
            self.coordinator.saga_start(id).await.expect("a start");
            let result = end.await.kind.expect("an end without an error");
            let output: Parcel = result.lookup_node_output("fourth").expect("an output");
            assert_eq!(output.id, u64::from(unit) + 4);
        }
    }
}

async fn first(context: ActionContext<FourSteps>) -> Result<Parcel, ActionError> {
    Ok(context.saga_params::<Parcel>()?.next())
}

async fn second(context: ActionContext<FourSteps>) -> Result<Parcel, ActionError> {
    Ok(context.lookup::<Parcel>("first")?.next())
}

async fn third(context: ActionContext<FourSteps>) -> Result<Parcel, ActionError> {
    Ok(context.lookup::<Parcel>("second")?.next())
}

async fn fourth(context: ActionContext<FourSteps>) -> Result<Parcel, ActionError> {
    Ok(context.lookup::<Parcel>("third")?.next())
}

async fn undo(_context: ActionContext<FourSteps>) -> Result<(), anyhow::Error> {
    Ok(())
}
