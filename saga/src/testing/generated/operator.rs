//! What is done about a generated saga that is parked.

use std::sync::atomic::Ordering;

use super::World;
use super::plan::Operator;
use crate::machine::StuckReason;
use crate::testing::Deed;
use crate::{Coordinator, OperateError, SagaId};

/// Acts by the plan; whether it did.
pub(super) async fn operate(
    world: &World,
    coordinator: &Coordinator,
    saga: SagaId,
    reason: StuckReason,
) -> Result<bool, OperateError> {
    let definition = world.plan.definition;
    let output = |step: &str| world.plan.output(definition.step_index(step).unwrap_or_default());
    let note = "as the plan says";
    match (world.plan.operator, reason) {
        (Operator::GivesUp, StuckReason::UndoFailed { .. } | StuckReason::StepFailed { .. }) => {
            coordinator.abandon(saga, note).await?;
        }
        (Operator::Repairs, StuckReason::UndoFailed { .. } | StuckReason::StepFailed { .. }) => {
            world.is_repaired.store(true, Ordering::Relaxed);
            coordinator.retry(saga).await?;
        }
        (Operator::ActsByHand, StuckReason::UndoFailed { failure }) => {
            world.ledger.record_by_hand(saga, &failure.step, Deed::Undo);
            coordinator.skip(saga, &failure.step, note).await?;
        }
        (Operator::ActsByHand, StuckReason::StepFailed { failure }) => {
            world.ledger.record_by_hand(saga, &failure.step, Deed::Effect);
            coordinator.supply(saga, &failure.step, output(&failure.step), note).await?;
        }
        // Finds out, and says so.
        (_, StuckReason::PivotInDoubt { step }) if world.ledger.stands(saga, &step) => {
            coordinator.supply(saga, &step, output(&step), note).await?;
        }
        (_, StuckReason::PivotInDoubt { step }) => coordinator.skip(saga, &step, note).await?,
        (_, reason) => {
            world.ledger.complain(format!("the saga is parked without need: {reason}"));
            return Ok(false);
        }
    }
    Ok(true)
}
