//! The code of a generated saga: it does what its script says.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::sleep;

use super::World;
use super::plan::{Effect, Mishap};
use crate::context::OpenContext;
use crate::coordinator::Registered;
use crate::engine::{Flow, OwnedFlow, PlaceOf, place_for};
use crate::machine::Task;
use crate::slot::Slot;
use crate::{Codec, Definition, Payload, PayloadError, StepContext, StepError, StepKind};

/// A generated saga, as a coordinator knows it.
pub(super) struct Scripted(pub(super) Arc<World>);

impl Registered for Scripted {
    fn definition(&self) -> &'static Definition {
        self.0.plan.definition
    }

    fn flow(&self, _: &Payload, codec: &Codec) -> Result<Box<dyn OwnedFlow>, PayloadError> {
        let slots = self.0.plan.definition.steps.iter().map(|_| Slot::new()).collect();
        Ok(Box::new(ScriptedFlow { world: Arc::clone(&self.0), codec: codec.clone(), slots }))
    }
}

struct ScriptedFlow {
    world: Arc<World>,
    codec: Codec,
    slots: Vec<Slot<u64>>,
}

type Context = StepContext<World>;

impl ScriptedFlow {
    async fn execute(&self, cx: &Context, step: usize) -> Result<Option<Payload>, StepError> {
        self.world.executions[step].fetch_add(1, Ordering::Relaxed);
        self.check_inputs(step);
        let script = &self.world.plan.scripts[step];
        sleep(script.latency.0).await;
        self.suffer(cx, script.execute.as_slice()).await?;
        cx.ledger.record(cx);
        sleep(script.latency.1).await;
        self.keep(step).map(Some)
    }

    async fn verify(&self, cx: &Context, step: usize) -> Result<Option<Payload>, StepError> {
        self.check_inputs(step);
        let script = &self.world.plan.scripts[step];
        sleep(script.latency.0).await;
        self.suffer(cx, script.verify.as_slice()).await?;
        if cx.ledger.has_effect(cx) { self.keep(step).map(Some) } else { Ok(None) }
    }

    async fn undo(&self, cx: &Context, step: usize) -> Result<Option<Payload>, StepError> {
        let known = &self.world.plan.definition.steps[step];
        if known.kind != StepKind::Compensatable {
            self.world.ledger.complain(format!("`{}` has no undo, and was asked for it", known.name));
        }
        if known.undo_takes_output {
            self.check_slot(step, &known.name);
        }
        let script = &self.world.plan.scripts[step];
        sleep(script.latency.0).await;
        self.suffer(cx, script.undo.as_slice()).await?;
        cx.ledger.record(cx);
        sleep(script.latency.1).await;
        Ok(None)
    }

    /// The mishap of this attempt, if it has one.
    async fn suffer(&self, cx: &Context, mishaps: &[Mishap]) -> Result<(), StepError> {
        let number = usize::try_from(cx.attempt()).unwrap_or(usize::MAX).saturating_sub(1);
        let mishap = mishaps.get(number).filter(|_| !self.world.is_repaired.load(Ordering::Relaxed));
        if let Some(
            Mishap::InDoubt(Effect::Taken) | Mishap::Panic(Effect::Taken) | Mishap::Hang(Effect::Taken),
        ) = mishap
        {
            cx.ledger.record(cx);
        }
        match mishap {
            None => Ok(()),
            Some(Mishap::Business) => Err(StepError::business("REFUSED", "refused")),
            Some(Mishap::Permanent) => Err(StepError::permanent("broken")),
            Some(Mishap::Transient) => Err(StepError::transient("busy")),
            Some(Mishap::InDoubt(_)) => Err(StepError::in_doubt("no answer")),
            // Not `panic!`: its hook would fill the output of a test with what is as it should be.
            Some(Mishap::Panic(_)) => std::panic::resume_unwind(Box::new("by the script")),
            Some(Mishap::Hang(_)) => std::future::pending().await,
        }
    }

    fn keep(&self, step: usize) -> Result<Payload, StepError> {
        let output = self.world.plan.output(step);
        _ = self.slots[step].set(output);
        self.codec.encode(&output).map_err(StepError::permanent)
    }

    /// A step gets the outputs of the stage before.
    fn check_inputs(&self, step: usize) {
        let definition = self.world.plan.definition;
        let stage = definition.stages.iter().position(|stage| stage.contains(&step)).unwrap_or_default();
        for &before in
            stage.checked_sub(1).and_then(|stage| definition.stages.get(stage)).into_iter().flatten()
        {
            self.check_slot(before, &definition.steps[step].name);
        }
    }

    fn check_slot(&self, step: usize, asking: &str) {
        let found = self.slots[step].get();
        if found != Some(&self.world.plan.output(step)) {
            let name = &self.world.plan.definition.steps[step].name;
            self.world.ledger.complain(format!("`{asking}` was given {found:?} as the output of `{name}`"));
        }
    }
}

impl Flow for ScriptedFlow {
    fn place(&self) -> PlaceOf<'_> {
        place_for(move |task, attempt| {
            let (cx, step) = (OpenContext::new(&*self.world, attempt), attempt.index);
            async move {
                match task {
                    Task::Execute => self.execute(&cx, step).await,
                    Task::Verify => self.verify(&cx, step).await,
                    Task::Undo => self.undo(&cx, step).await,
                }
            }
        })
    }
}

impl OwnedFlow for ScriptedFlow {
    fn restore(&self, step: usize, payload: &Payload) -> Result<(), PayloadError> {
        _ = self.slots[step].set(self.codec.decode(payload)?);
        Ok(())
    }

    fn into_output(self: Box<Self>) -> Option<Box<dyn Any + Send>> {
        None
    }

    fn as_flow(&self) -> &dyn Flow {
        self
    }
}
