//! One worker: what it knows, and what it does next. The decision is `saga::machine`'s.

use std::ops::ControlFlow;

use saga::machine::{Action, By, Event, SagaState, Situation, State, StepSet, Task, verdict};
use saga::policy::Defaults;
use saga::{Definition, Payload, StepError, StepFailure};

use crate::bounds::{LEASE, Rules};
use crate::shop::{CHARGE, tick_of, time_of, worker_id};
use crate::store::{Append, Head, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) is_dead: bool,
    /// How far its clock is ahead of the store's.
    pub(crate) ahead: i8,
    /// What its clock showed at its last heartbeat.
    pub(crate) beat_at: i8,
    /// Whether it has looked for work in this tick.
    pub(crate) has_searched: bool,
    pub(crate) drive: Drive,
}

/// How a worker stands to the saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Drive {
    /// It has nothing to do with it.
    Idle,
    /// It may own it, and doesn't drive it: an answer was lost, or its number was taken.
    Orphan,
    /// It owns it still, as the journal says, and claims it anew.
    Reclaiming(Append),
    /// It claimed it, and has not read the journal yet.
    Claimed,
    /// An attempt is under way. What was drafted is not durable, if there is any.
    Running { view: Vec<Known>, drafts: Vec<Known>, attempt: Attempt },
    /// An append is on its way; then this attempt begins, if any.
    Committing { view: Vec<Known>, append: Append, then: Option<Attempt> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) step: usize,
    pub(crate) task: Task,
    pub(crate) number: u32,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Well.
    Done,
    /// The service was not reached.
    Busy,
    /// The service refused.
    Refused,
    /// It took effect, and nobody heard so.
    Unheard,
}

/// An event that the machine refused, where it must not.
#[derive(Debug)]
pub(crate) struct Illegal;

/// What all workers have in common.
pub(crate) struct Code {
    pub(crate) definition: Definition,
    pub(crate) defaults: Defaults,
    pub(crate) rules: Rules,
}

impl Worker {
    pub(crate) const fn idle() -> Self {
        Self { is_dead: false, ahead: 0, beat_at: 0, has_searched: false, drive: Drive::Idle }
    }

    pub(crate) const fn clock(&self, now: u8) -> i8 {
        now.cast_signed() + self.ahead
    }

    /// Whether it believes that its lease runs: else it looks for no work.
    pub(crate) const fn has_lease(&self, now: u8) -> bool {
        self.clock(now) - self.beat_at < LEASE
    }
}

impl Code {
    /// Asks the machine what is to be done, until something is.
    pub(crate) fn go_on(
        &self,
        worker: u8,
        clock: i8,
        view: Vec<Known>,
        mut drafts: Vec<Known>,
    ) -> Result<Drive, Illegal> {
        let mut state = self.fold(&view, &drafts)?;
        let situation = Situation { now: time_of(clock), running: StepSet::EMPTY, defaults: &self.defaults };
        let mut draft = |state: &mut State, event: Event| {
            state.apply(&self.definition, &event).map_err(|_| Illegal)?;
            drafts.push(Known::new(event));
            Ok(())
        };
        let (then, wake_at) = loop {
            match state.next(&self.definition, &situation) {
                Action::Record(event) => draft(&mut state, event)?,
                Action::Attempt { step, number, task } => {
                    if task == Task::Execute && self.definition.steps[step].at_most_once {
                        draft(&mut state, Event::StepStarted { step, attempt: number })?;
                    }
                    break (Some(Attempt { step, task, number }), None);
                }
                // Nothing is under way: every wait is spent in the store.
                Action::Wait { until } => {
                    draft(&mut state, Event::Released { until })?;
                    break (None, Some(until.map_or(0, tick_of)));
                }
                Action::Park | Action::End => break (None, None),
            }
        };
        if let Some(attempt) = then
            && (drafts.is_empty() || !self.rules.record_comes_first)
        {
            return Ok(Drive::Running { view, drafts, attempt });
        }
        if drafts.is_empty() {
            return Ok(Drive::Idle);
        }
        let saga_state = state.saga_state();
        let is_owned = wake_at.is_none() && !saga_state.is_ended() && saga_state != SagaState::Stuck;
        let head =
            Head { state: saga_state, owner: is_owned.then_some(worker), wake_at: wake_at.unwrap_or(0) };
        let append = Append { writer: worker, expected: view.len(), events: drafts, head };
        Ok(Drive::Committing { view, append, then })
    }

    /// The event that an attempt's end is.
    pub(crate) fn ended(&self, attempt: Attempt, outcome: Outcome, clock: i8) -> Event {
        let Attempt { step, task, number } = attempt;
        let error = match outcome {
            Outcome::Done if task == Task::Undo => {
                return Event::StepCompensated { step, attempt: number, by: By::Execution };
            }
            Outcome::Done => {
                let output = Payload::EMPTY;
                return Event::StepCompleted { step, attempt: number, by: By::Execution, output };
            }
            Outcome::Busy => StepError::transient("busy"),
            Outcome::Refused => StepError::business("NO", "no"),
            Outcome::Unheard => StepError::in_doubt("no answer"),
        };
        let then = verdict(&self.definition, &self.defaults, (step, task, number), &error, time_of(clock));
        let failure = Box::new(StepFailure::new(&self.definition.steps[step].name, &error, number));
        match task {
            Task::Undo => Event::CompensationFailed { step, attempt: number, failure, then },
            Task::Execute | Task::Verify => Event::StepFailed { step, attempt: number, failure, then },
        }
    }

    fn fold(&self, view: &[Known], drafts: &[Known]) -> Result<State, Illegal> {
        let mut state = State::new(&self.definition);
        for known in view.iter().chain(drafts) {
            state.apply(&self.definition, known.event()).map_err(|_| Illegal)?;
        }
        Ok(state)
    }

    /// Whether the journal says that `worker` owns the saga.
    pub(crate) fn is_owner(view: &[Known], worker: u8) -> bool {
        let last_word = view.iter().rev().try_for_each(|known| match known.event() {
            Event::Claimed { worker } => ControlFlow::Break(Some(*worker)),
            Event::SagaStarted(started) => ControlFlow::Break(started.owner),
            Event::Released { .. } | Event::Stuck { .. } | Event::Ended { .. } => ControlFlow::Break(None),
            _ => ControlFlow::Continue(()),
        });
        last_word == ControlFlow::Break(Some(worker_id(worker)))
    }

    /// Whether the record that must stand before this attempt stands in the journal.
    pub(crate) fn may_run(attempt: Attempt, view: &[Known], drafts: &[Known], durable: &[Known]) -> bool {
        let is_durable = drafts.is_empty() && durable.starts_with(view);
        let is_begun = |known: &Known| {
            let Event::StepStarted { step, attempt: number } = known.event() else { return false };
            (*step, *number) == (attempt.step, attempt.number)
        };
        is_durable && (attempt.step != CHARGE || durable.iter().any(is_begun))
    }
}
