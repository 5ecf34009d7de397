//! The handles of a coordinator.

use std::time::Duration;
use std::{array, fmt};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;

use super::catalog;
use super::steps::{StepInstruments, TaskInstruments};
use crate::machine::{By, Event, SagaState, Task, Then};
use crate::{Definition, FailureKind, Timestamp};

/// What is counted from events.
pub(crate) struct Instruments {
    /// With the address of each definition, and in its order: the events of a saga come with that very definition.
    definitions: Box<[(usize, DefinitionInstruments)]>,
    claims: Counter,
    lease_losses: Counter,
    unknown: Gauge,
    start_timeouts: Counter,
}

struct DefinitionInstruments {
    name: &'static str,
    started: Counter,
    stuck: Counter,
    /// By [`SagaState`]; `None` for those that are no end.
    ends: [Option<End>; SagaState::ALL.len()],
    steps: Box<[StepInstruments]>,
}

struct End {
    ended: Counter,
    duration: Histogram,
}

impl Instruments {
    /// Fetches the handles from the recorder of this moment.
    pub(crate) fn new(definitions: impl Iterator<Item = &'static Definition>) -> Self {
        catalog::describe();
        let mut definitions: Box<[_]> = definitions
            .map(|definition| (address(definition), DefinitionInstruments::new(definition)))
            .collect();
        definitions.sort_by_key(|(address, _)| *address);
        Self {
            definitions,
            claims: counter!(catalog::CLAIMS.name),
            lease_losses: counter!(catalog::LEASE_LOSSES.name),
            unknown: gauge!(catalog::SAGAS_UNKNOWN.name),
            start_timeouts: counter!(catalog::START_TIMEOUTS.name),
        }
    }

    /// Counts an event of a saga that was recorded, and of which this was, at these times.
    pub(crate) fn count(
        &self,
        definition: &Definition,
        (started_at, at): (Timestamp, Timestamp),
        event: &Event,
    ) {
        if matches!(event, Event::Claimed { .. }) {
            self.count_claim();
        } else if let Some(of) = self.of(definition) {
            of.count((started_at, at), event);
        }
    }

    /// Counts an event of a saga that cannot be driven: of a definition that may be known by its name alone, or not at
    /// all.
    pub(crate) fn count_undriven(&self, definition: &str, times: (Timestamp, Timestamp), event: &Event) {
        if let Some((_, of)) = self.definitions.iter().find(|(_, of)| of.name == definition) {
            return of.count(times, event);
        }
        // As seldom as a deploy leaves sagas behind: a look-up by name is good enough.
        let definition = definition.to_owned();
        match event {
            Event::Stuck { .. } => {
                counter!(catalog::SAGAS_STUCK.name, "definition" => definition).increment(1);
            }
            Event::Ended { state, .. } => {
                let labels = [("definition", definition), ("state", state.as_str().to_owned())];
                counter!(catalog::SAGAS_ENDED.name, &labels).increment(1);
                let took = times.1.since(times.0).as_secs_f64();
                histogram!(catalog::SAGA_DURATION.name, &labels).record(took);
            }
            _ => {}
        }
    }

    pub(crate) fn count_claim(&self) {
        self.claims.increment(1);
    }

    pub(crate) fn count_lease_loss(&self) {
        self.lease_losses.increment(1);
    }

    pub(crate) fn set_unknown(&self, sagas: u64) {
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many sagas")]
        self.unknown.set(sagas as f64);
    }

    pub(crate) fn count_start_timeout(&self) {
        self.start_timeouts.increment(1);
    }

    pub(crate) fn attempt_took(
        &self,
        definition: &Definition,
        (step, task): (usize, Task),
        since: Stopwatch,
    ) {
        if let Some(task) = self.of(definition).and_then(|of| of.task(step, task)) {
            task.took(since);
        }
    }

    fn of(&self, definition: &Definition) -> Option<&DefinitionInstruments> {
        let place =
            self.definitions.binary_search_by_key(&address(definition), |(address, _)| *address).ok()?;
        Some(&self.definitions[place].1)
    }
}

fn address(definition: &Definition) -> usize {
    std::ptr::from_ref(definition).addr()
}

impl DefinitionInstruments {
    fn new(definition: &'static Definition) -> Self {
        let name: &'static str = &definition.name;
        let end = |state: SagaState| {
            let labels = [("definition", name), ("state", state.as_str())];
            state.is_ended().then(|| End {
                ended: counter!(catalog::SAGAS_ENDED.name, &labels),
                duration: histogram!(catalog::SAGA_DURATION.name, &labels),
            })
        };
        let mut ends = array::from_fn(|_| None);
        for state in SagaState::ALL {
            ends[state as usize] = end(state);
        }
        Self {
            name,
            started: counter!(catalog::SAGAS_STARTED.name, "definition" => name),
            stuck: counter!(catalog::SAGAS_STUCK.name, "definition" => name),
            ends,
            steps: definition.steps.iter().map(|step| StepInstruments::new(name, step)).collect(),
        }
    }

    fn count(&self, (started_at, at): (Timestamp, Timestamp), event: &Event) {
        match event {
            Event::SagaStarted(_) => self.started.increment(1),
            Event::StepCompleted { step, by: By::Execution, .. } => self.done(*step, Task::Execute),
            Event::StepCompleted { step, by: By::Verification, .. } => self.done(*step, Task::Verify),
            Event::StepCompensated { step, by: By::Execution, .. } => self.done(*step, Task::Undo),
            Event::StepFailed { step, failure, then, .. } => {
                self.failed((*step, Task::Execute), failure.kind, *then);
            }
            Event::VerifyFailed { step, failure, then, .. } => {
                self.failed((*step, Task::Verify), failure.kind, *then);
            }
            Event::CompensationFailed { step, failure, then, .. } => {
                self.failed((*step, Task::Undo), failure.kind, *then);
            }
            Event::StepAbsent { step } => {
                if let Some(absent) = self.task(*step, Task::Verify).and_then(|task| task.absent.as_ref()) {
                    absent.increment(1);
                }
            }
            Event::DeadlinePassed { dropped } => {
                for step in dropped.iter().filter_map(|step| self.steps.get(*step)) {
                    step.dropped.increment(1);
                }
            }
            Event::Stuck { .. } => self.stuck.increment(1),
            Event::Ended { state, .. } => {
                if let Some(end) = &self.ends[*state as usize] {
                    end.ended.increment(1);
                    end.duration.record(at.since(started_at).as_secs_f64());
                }
            }
            _ => {}
        }
    }

    fn done(&self, step: usize, task: Task) {
        if let Some(task) = self.task(step, task) {
            task.done();
        }
    }

    fn failed(&self, (step, task): (usize, Task), kind: FailureKind, then: Then) {
        if let Some(task) = self.task(step, task) {
            task.failed(kind, matches!(then, Then::Retry { .. }));
        }
    }

    fn task(&self, step: usize, task: Task) -> Option<&TaskInstruments> {
        self.steps.get(step)?.task(task)
    }
}

/// A histogram of waits.
#[derive(Clone)]
pub(crate) struct WaitHistogram(Histogram);

impl WaitHistogram {
    pub(crate) fn of_starts() -> Self {
        Self(histogram!(catalog::START_WAIT.name))
    }

    pub(crate) fn of_attempts() -> Self {
        Self(histogram!(catalog::ATTEMPT_WAIT.name))
    }

    pub(crate) fn record(&self, wait: Duration) {
        self.0.record(wait.as_secs_f64());
    }
}

impl Default for WaitHistogram {
    fn default() -> Self {
        Self(Histogram::noop())
    }
}

impl fmt::Debug for WaitHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitHistogram")
    }
}

/// What a publisher of this process hands over.
pub(crate) struct Deliveries {
    taken: Counter,
    refused: Counter,
    put_off: Counter,
}

impl Deliveries {
    pub(crate) fn new(publisher: &str) -> Self {
        let outcome = |outcome: &'static str| counter!(catalog::DELIVERIES.name, "publisher" => publisher.to_owned(), "outcome" => outcome);
        Self { taken: outcome("taken"), refused: outcome("refused"), put_off: outcome("put_off") }
    }

    pub(crate) fn taken(&self) {
        self.taken.increment(1);
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    pub(crate) fn put_off(&self) {
        self.put_off.increment(1);
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliveries")
    }
}

/// What is counted of commits.
pub(crate) struct Commits {
    appends: Counter,
    total: Counter,
    size: Histogram,
    duration: Histogram,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self {
            appends: counter!(catalog::APPENDS.name),
            total: counter!(catalog::COMMITS.name),
            size: histogram!(catalog::COMMIT_APPENDS.name),
            duration: histogram!(catalog::COMMIT_DURATION.name),
        }
    }

    /// How many appends share a commit, in a store that gathers them.
    pub(crate) fn gathered(&self, appends: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a batch is far smaller")]
        self.size.record(appends as f64);
    }

    /// Counts a commit of so many appends.
    pub(crate) fn count(&self, appends: usize) {
        self.appends.increment(appends as u64);
        self.total.increment(1);
    }

    /// Takes the time of a commit.
    pub(crate) async fn timed<F: Future>(&self, write: F) -> F::Output {
        let since = Stopwatch::start();
        let answer = write.await;
        self.duration.record(since.seconds());
        answer
    }
}

/// When something began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
