//! From a seed to a saga.

use std::time::Duration;

use fastrand::Rng;

use crate::policy::{
    Compensation, CompensationStrategy, OnUndoFailure, best_effort, custom, fixed, millis, parallel, secs,
    sequential,
};
use crate::{Cause, Definition, StepDefinition, StepKind};

/// A generated saga, and all that happens to it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) definition: &'static Definition,
    pub(super) scripts: Vec<Script>,
    pub(super) start_delay: Duration,
    pub(super) cancel_after: Option<Duration>,
    pub(super) operator: Operator,
}

/// How the code of one step behaves.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) execute: Vec<Mishap>,
    pub(super) verify: Vec<Mishap>,
    pub(super) undo: Vec<Mishap>,
    /// How long it takes before and after its effect.
    pub(super) latency: (Duration, Duration),
}

/// How one attempt ends, other than well. Attempts beyond the list end well; an operator's repair ends all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Business,
    Permanent,
    Transient,
    InDoubt(Effect),
    Panic(Effect),
    Hang(Effect),
}

/// Whether an attempt of which nobody knows took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Taken,
    None,
}

/// What is done about a parked saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// Mends what fails, then `retry`.
    Repairs,
    /// Does the step, or its undo, by hand.
    ActsByHand,
    /// `abandon`.
    GivesUp,
}

/// So many mishaps never end within any policy below.
const FOR_EVER: usize = 20;

impl Plan {
    pub(super) fn from_seed(seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let (steps, stages) = flow(&mut dice);
        let scripts = steps.iter().map(|step| script(&mut dice, step)).collect();
        let mut definition = Definition::new(format!("generated-{seed}"), 1, steps, stages);
        definition.compensation = Some(compensation(&mut dice));
        if dice.u8(..4) == 0 {
            definition.timeout = Some(millis(dice.u64(100..2_500)));
        }
        let start_delay = if dice.u8(..6) == 0 { millis(dice.u64(1..1_500)) } else { Duration::ZERO };
        let cancel_after = (dice.u8(..4) == 0).then(|| millis(dice.u64(0..600)));
        let operators = [Operator::Repairs, Operator::ActsByHand, Operator::GivesUp];
        let operator = operators[dice.usize(..operators.len())];
        let definition = Box::leak(Box::new(definition));
        Self { seed, definition, scripts, start_delay, cancel_after, operator }
    }

    /// What the step makes, whoever makes it.
    pub(super) const fn output(&self, step: usize) -> u64 {
        self.seed.wrapping_mul(1_000).wrapping_add(step as u64) % 1_000_000_007
    }
}

fn flow(dice: &mut Rng) -> (Vec<StepDefinition>, Vec<Vec<usize>>) {
    let stage_count = dice.usize(1..=4);
    let pivot = dice.bool().then(|| dice.usize(..stage_count));
    let (mut steps, mut stages) = (Vec::new(), Vec::new());
    for at in 0..stage_count {
        let width = match dice.u8(..10) {
            _ if pivot == Some(at) => 1,
            0..6 => 1,
            6..8 => 2,
            8 => 3,
            _ => 4,
        };
        let mut stage = Vec::new();
        for _ in 0..width {
            let kind = match pivot {
                Some(pivot) if pivot == at => StepKind::Pivot,
                Some(pivot) if pivot < at && dice.u8(..4) > 0 => StepKind::Retriable,
                Some(pivot) if pivot < at => StepKind::NothingToUndo,
                _ if dice.u8(..6) == 0 => StepKind::NothingToUndo,
                _ => StepKind::Compensatable,
            };
            stage.push(steps.len());
            steps.push(step(dice, steps.len(), kind));
        }
        stages.push(stage);
    }
    (steps, stages)
}

fn step(dice: &mut Rng, index: usize, kind: StepKind) -> StepDefinition {
    let mut step = StepDefinition::new(format!("step-{index}"), kind);
    step.undo_takes_output = dice.u8(..3) > 0;
    step.has_verify = dice.u8(..3) == 0;
    step.at_most_once = dice.u8(..5) == 0;
    step.timeout = Some(millis(100));
    // Now and then a backoff that is longer than the lease: it is spent in the store.
    let delay = if dice.u8(..6) == 0 { millis(800) } else { millis(dice.u64(1..40)) };
    let retries_min = u32::from(kind == StepKind::Retriable);
    step.retry = Some(fixed(dice.u32(retries_min..=3), delay).jitter(0.0));
    step.compensation_timeout = Some(millis(100));
    step.compensation_retry = Some(fixed(dice.u32(..=2), delay).jitter(0.0));
    step
}

fn script(dice: &mut Rng, step: &StepDefinition) -> Script {
    // Steps past the pivot, and undos, fail seldom in a way that no retry mends: that parks the saga.
    let execute = match (dice.u8(..10), step.kind) {
        (0..6, _) => Vec::new(),
        (6, _) | (7, StepKind::Retriable) => vec![Mishap::Transient; times(dice)],
        (7, _) if dice.bool() => vec![Mishap::Business],
        (7, _) => vec![Mishap::Transient, Mishap::Permanent],
        _ => unclear(dice),
    };
    let verify = match dice.u8(..8) {
        0..6 => Vec::new(),
        6 => vec![Mishap::Transient; times(dice)],
        _ => vec![Mishap::InDoubt(Effect::None); 1],
    };
    let undo = match dice.u8(..10) {
        0..6 => Vec::new(),
        6 => vec![Mishap::Permanent; FOR_EVER],
        7 => unclear(dice),
        _ => vec![Mishap::Transient; times(dice)],
    };
    Script { execute, verify, undo, latency: (millis(dice.u64(..30)), millis(dice.u64(..30))) }
}

fn times(dice: &mut Rng) -> usize {
    if dice.u8(..6) == 0 { FOR_EVER } else { dice.usize(1..=3) }
}

/// Ends of which nobody knows whether the effect took place. Once it did, no later attempt says that it didn't.
fn unclear(dice: &mut Rng) -> Vec<Mishap> {
    let effect = if dice.bool() { Effect::Taken } else { Effect::None };
    let mishap = match dice.u8(..3) {
        0 => Mishap::InDoubt(effect),
        1 => Mishap::Panic(effect),
        _ => Mishap::Hang(effect),
    };
    let mut mishaps = vec![mishap; times(dice)];
    if effect == Effect::None && dice.u8(..3) == 0 {
        mishaps.push(if dice.bool() { Mishap::Business } else { Mishap::Permanent });
    }
    mishaps
}

fn compensation(dice: &mut Rng) -> Compensation {
    match dice.u8(..6) {
        0 | 1 => sequential(secs(1)),
        2 => parallel(secs(1)),
        3 => best_effort(secs(1)),
        _ => {
            let on_failure = if dice.bool() { OnUndoFailure::Park } else { OnUndoFailure::GoOn };
            custom(ByTheDice { seed: dice.u64(..), on_failure })
        }
    }
}

/// A user's own way back: stages of any size, and now and then something is left out.
struct ByTheDice {
    seed: u64,
    on_failure: OnUndoFailure,
}

impl CompensationStrategy for ByTheDice {
    fn should_compensate(&self, _: &Cause) -> bool {
        Rng::with_seed(self.seed).u8(..8) > 0
    }

    fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
        let mut dice = Rng::with_seed(self.seed);
        let mut stages: Vec<Vec<String>> = vec![Vec::new(); 1 + done.len()];
        for name in done {
            if dice.u8(..10) > 0 {
                let stage = dice.usize(..stages.len());
                stages[stage].push((*name).to_owned());
            }
        }
        stages
    }

    fn on_undo_failure(&self) -> OnUndoFailure {
        self.on_failure
    }
}
