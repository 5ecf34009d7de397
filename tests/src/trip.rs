//! A saga written by hand, with moods: a hotel, the pivot `pay`, and a mail that takes what `pay` made.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use saga::__private::{Call, Record};
use saga::policy::{fixed, millis, minutes};
use saga::testing::Ledger;
use saga::{Codec, Definition, Payload, PayloadError, Saga, StepDefinition, StepError, StepKind, StepName};

/// A trip is booked.
#[derive(Debug, Clone, Default)]
pub struct Trip {
    /// The world that it acts on.
    pub world: Ledger,
    moods: Arc<Mutex<[Mood; 3]>>,
}

/// How the service behind a step feels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    /// It does what it is asked.
    #[default]
    Well,
    /// It does so after this time.
    Slow(Duration),
    /// It refuses.
    Refuses,
    /// It gives no answer, and does nothing.
    Silent,
}

/// The steps of a [`Trip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TripStep {
    /// Compensatable.
    Hotel,
    /// The pivot.
    Pay,
    /// Retriable.
    Mail,
}

impl Trip {
    /// A trip whose services all feel well.
    #[must_use]
    pub fn new(world: &Ledger) -> Self {
        Self { world: world.clone(), moods: Arc::default() }
    }

    /// The service behind this step feels so from now on.
    #[must_use]
    pub fn with(self, step: TripStep, mood: Mood) -> Self {
        self.feel(step, mood);
        self
    }

    /// The service behind this step feels so from now on.
    pub fn feel(&self, step: TripStep, mood: Mood) {
        self.moods.lock().unwrap_or_else(PoisonError::into_inner)[step.index()] = mood;
    }

    fn mood(&self, step: usize) -> Mood {
        self.moods.lock().unwrap_or_else(PoisonError::into_inner)[step]
    }
}

const NAMES: [&str; 3] = ["hotel", "pay", "mail"];

impl AsRef<str> for TripStep {
    fn as_ref(&self) -> &str {
        NAMES[self.index()]
    }
}

impl StepName for TripStep {
    const ALL: &'static [Self] = &[Self::Hotel, Self::Pay, Self::Mail];

    fn index(self) -> usize {
        self as usize
    }
}

/// Where a running trip keeps its outputs.
#[derive(Debug, Default)]
pub struct Slots([OnceLock<u64>; 3]);

impl Saga for Trip {
    type Input = u64;
    type Output = u64;
    type Outputs = [Option<u64>; 3];
    type Step = TripStep;
    type Slots = Slots;

    const INPUT: Record<Self::Input> = Record::new();

    fn definition() -> &'static Definition {
        static DEFINITION: OnceLock<Definition> = OnceLock::new();
        DEFINITION.get_or_init(|| {
            let kinds = [StepKind::Compensatable, StepKind::Pivot, StepKind::Retriable];
            let steps = NAMES.into_iter().zip(kinds).map(|(name, kind)| {
                let mut step = StepDefinition::new(name, kind);
                step.retry = Some(fixed(1, millis(10)));
                step.timeout = Some(minutes(5));
                step
            });
            Definition::new("trip", 1, steps.collect(), vec![vec![0], vec![1], vec![2]])
        })
    }

    async fn execute<'a>(call: Call<'a, Self>) -> Result<Payload, StepError> {
        match call.cx.mood(call.step) {
            Mood::Well => {}
            Mood::Slow(time) => tokio::time::sleep(time).await,
            Mood::Refuses => return Err(StepError::business("REFUSED", "refused")),
            Mood::Silent => return Err(StepError::in_doubt("no answer")),
        }
        call.cx.world.record(call.cx);
        let before = match call.step.checked_sub(1) {
            Some(before) => call.slots.0[before].get(),
            None => Some(call.input),
        };
        let output = before.ok_or_else(|| StepError::permanent("the step before left no output"))? + 1;
        _ = call.slots.0[call.step].set(output);
        Ok(Payload::from(output.to_string().into_bytes()))
    }

    async fn verify<'a>(_: Call<'a, Self>) -> Result<Option<Payload>, StepError> {
        Ok(None)
    }

    async fn compensate<'a>(call: Call<'a, Self>) -> Result<(), StepError> {
        call.cx.world.record(call.cx);
        Ok(())
    }

    fn restore(slots: &Slots, step: usize, payload: &Payload, codec: &Codec) -> Result<(), PayloadError> {
        _ = slots.0[step].set(codec.decode(payload)?);
        Ok(())
    }

    fn outputs(slots: Slots) -> Self::Outputs {
        slots.0.map(OnceLock::into_inner)
    }

    fn output(slots: &mut Slots) -> Option<u64> {
        slots.0[2].get().copied()
    }
}
