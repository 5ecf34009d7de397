//! The saga of the model, and the world that its steps change.

use saga::machine::SagaStarted;
use saga::policy::{Defaults, RetryPolicy, fixed, no_retry, secs};
use saga::{Definition, Labels, Payload, StepDefinition, StepKind, Timestamp, WorkerId};

/// Undone by a compensation that takes its output; retried once.
pub(crate) const RESERVE: usize = 0;

/// The point of no return, and never run twice.
pub(crate) const CHARGE: usize = 1;

pub(crate) fn definition() -> Definition {
    let mut reserve = StepDefinition::new("reserve", StepKind::Compensatable);
    reserve.undo_takes_output = true;
    reserve.retry = Some(once_more());
    reserve.compensation_retry = Some(once_more());
    let mut charge = StepDefinition::new("charge", StepKind::Pivot);
    charge.at_most_once = true;
    charge.retry = Some(no_retry());
    let definition = Definition::new("order", 1, vec![reserve, charge], vec![vec![RESERVE], vec![CHARGE]]);
    definition.check().expect("it fits together");
    definition
}

/// Without jitter: a tick is a second.
const fn once_more() -> RetryPolicy {
    fixed(1, secs(1)).jitter(0.0)
}

pub(crate) fn defaults() -> Defaults {
    let mut defaults = Defaults::new();
    defaults.fruitless_claims_max = 3;
    defaults
}

pub(crate) fn started(definition: &Definition, owner: u8) -> SagaStarted {
    SagaStarted {
        definition: definition.name.clone(),
        version: definition.version,
        fingerprint: definition.fingerprint,
        codec: "json".into(),
        labels: Labels::new(),
        key: None,
        start_at: time_of(0),
        deadline: None,
        owner: Some(worker_id(owner)),
        input: Payload::EMPTY,
    }
}

pub(crate) const fn worker_id(worker: u8) -> WorkerId {
    WorkerId::from_bytes([worker; 16])
}

/// The time that a clock shows at this tick.
pub(crate) fn time_of(tick: i8) -> Timestamp {
    Timestamp::from_micros(i64::from(tick) * 1_000_000)
}

/// The first tick at which it is this late.
pub(crate) fn tick_of(time: Timestamp) -> u8 {
    u8::try_from((time.as_micros() + 999_999) / 1_000_000).unwrap_or(0)
}

/// What the steps did to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Outside {
    /// Whether each step took effect, and whether that was undone.
    pub(crate) effects: [Effect; 2],
    /// How often the pivot was run.
    pub(crate) charges: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Effect {
    #[default]
    None,
    Done,
    Undone,
}
