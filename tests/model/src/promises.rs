//! What holds in every world that can come to be, and what is seen in some.

use saga::machine::{Event, SagaState, invariants_with};
use stateright::{Model, Property};

use crate::fleet::Fleet;
use crate::shop::{CHARGE, Effect};
use crate::worker::Drive;
use crate::world::World;

/// No append takes effect but the owner's: never two in one epoch.
pub const ONE_OWNER: &str = "an append takes effect only from the saga's owner";

/// No durable record, no side effect.
pub const RECORD_FIRST: &str = "nothing is done before the record of what was done before it is durable";

/// A step that must not run twice doesn't.
pub const AT_MOST_ONCE: &str = "an `at_most_once` step is run at most once";

/// The rules of `saga::machine` over a whole journal, at its end.
pub const JOURNAL_RULES: &str = "the journal of a saga that rests breaks no rule";

/// What the saga's end claims is what happened.
pub const HONEST_END: &str = "a saga ends as its world stands";

/// Every run comes to an end of the saga, or to its being parked.
pub const EVERY_RUN_ENDS: &str = "every run ends with a saga that is ended or parked";

/// What must come to be in some world: else the promises are kept by worlds in which nothing happens.
pub const SIGHTS: [&str; 6] = [
    "a saga is completed",
    "a saga is undone",
    "a saga is parked",
    "a saga is taken over",
    "an owner that was replaced sends an append",
    "an append reaches the store after its writer gave up on it",
];

pub(crate) fn promises() -> Vec<Property<Fleet>> {
    let [completed, undone, parked, taken_over, stale, late] = SIGHTS;
    vec![
        Property::<Fleet>::always(ONE_OWNER, |_, world| {
            world.store.journal.iter().all(|entry| entry.is_by_owner)
        }),
        Property::<Fleet>::always(RECORD_FIRST, |_, world| !world.flaws.unrecorded),
        Property::<Fleet>::always(AT_MOST_ONCE, |_, world| world.outside.charges <= 1),
        Property::<Fleet>::always(JOURNAL_RULES, keeps_rules),
        Property::<Fleet>::always(HONEST_END, ends_honestly),
        Property::<Fleet>::always(EVERY_RUN_ENDS, |fleet, world| {
            let mut moves = Vec::new();
            world.store.is_at_rest() || {
                fleet.actions(world, &mut moves);
                !moves.is_empty()
            }
        }),
        Property::<Fleet>::sometimes(completed, |_, world| is_in(world, SagaState::Completed)),
        Property::<Fleet>::sometimes(undone, |_, world| is_in(world, SagaState::Compensated)),
        Property::<Fleet>::sometimes(parked, |_, world| is_in(world, SagaState::Stuck)),
        Property::<Fleet>::sometimes(taken_over, |_, world| {
            let claimed = |event: &Event| matches!(event, Event::Claimed { .. });
            world.store.journal.iter().any(|entry| claimed(entry.event.event()))
        }),
        Property::<Fleet>::sometimes(stale, |_, world| {
            let mut stale =
                (0..).zip(&world.workers).filter(|(index, _)| world.store.head.owner != Some(*index));
            stale.any(|(_, worker)| matches!(worker.drive, Drive::Committing { .. }))
        }),
        Property::<Fleet>::sometimes(late, |_, world| !world.strays.is_empty()),
    ]
}

fn is_in(world: &World, state: SagaState) -> bool {
    world.store.head.state == state
}

fn keeps_rules(fleet: &Fleet, world: &World) -> bool {
    !world.flaws.illegal
        && (!world.store.is_at_rest() || {
            let code = &fleet.code;
            invariants_with(&code.definition, &code.defaults, &world.store.records()).is_empty()
        })
}

fn ends_honestly(fleet: &Fleet, world: &World) -> bool {
    let effects = world.outside.effects;
    let is_left = |step: usize| effects[step] == Effect::Done;
    match world.store.head.state {
        SagaState::Completed => is_left(0) && is_left(CHARGE),
        SagaState::Compensated => !is_left(0) && !is_left(CHARGE),
        SagaState::Failed => {
            let last = world.store.journal.last().map(|entry| entry.event.event());
            let Some(Event::Ended { not_undone, .. }) = last else { return false };
            let is_told = |step: usize| {
                let name = &fleet.code.definition.steps[step].name;
                not_undone.iter().any(|left| left.step == *name)
            };
            (0..effects.len()).all(|step| !is_left(step) || is_told(step))
        }
        _ => true,
    }
}
