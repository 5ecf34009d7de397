//! A saga without an engine: the machine's decisions are carried out by a tape of choices.

use std::fmt::Write as _;

use saga::machine::{
    Action, By, Event, IllegalEvent, Record, Request, SagaState, Situation, State, StepSet, StuckReason,
    Task, Then, fold, invariants_of_journal, invariants_with, verdict,
};
use saga::policy::{Defaults, OnUndoFailure, UndoPlan, minutes, secs};
use saga::{Cause, Definition, FailureKind, Payload, StepError, StepFailure, Timestamp, WorkerId};

use crate::definitions::Drawn;
use crate::events::started;
use crate::tape::Tape;

/// More moves than any tape takes: a saga that needs more goes in circles.
const MOVES_MAX: usize = 5_000;

/// One saga, its journal, and the attempts under way.
pub(crate) struct Simulator<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) defaults: Defaults,
    pub(crate) journal: Vec<Record>,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    tape: Tape,
    running: Vec<(usize, Task, u32)>,
    is_owned: bool,
    wake_at: Timestamp,
}

impl<'a> Simulator<'a> {
    /// A saga that is just being started.
    pub(crate) fn start(definition: &'a Definition, tape: Tape) -> Self {
        let mut simulator = Self::empty(definition, tape);
        let is_delayed = simulator.tape.one_in(8);
        let start_at = if is_delayed { simulator.now.saturating_add(minutes(1)) } else { simulator.now };
        simulator.is_owned = !is_delayed;
        simulator.wake_at = start_at;
        let started = started(definition, start_at, (!is_delayed).then(WorkerId::new));
        simulator.record(Event::SagaStarted(Box::new(started)));
        simulator
    }

    /// A saga whose worker died after these records, with a new worker.
    pub(crate) fn resume(definition: &'a Definition, journal: &[Record], tape: Tape) -> Self {
        let mut simulator = Self::empty(definition, tape);
        simulator.journal = journal.to_vec();
        simulator.state = fold(definition, journal).expect("a prefix of a journal folds");
        simulator.now = journal.last().map_or(simulator.now, |record| record.at);
        simulator.wake_at = simulator.now.saturating_add(minutes(2));
        simulator.claim();
        simulator
    }

    fn empty(definition: &'a Definition, tape: Tape) -> Self {
        let mut defaults = Defaults::new();
        defaults.fruitless_claims_max = 3;
        let (state, now) = (State::new(definition), Timestamp::from_micros(1_000_000));
        let (journal, running) = (Vec::new(), Vec::new());
        Self { definition, defaults, journal, state, now, tape, running, is_owned: false, wake_at: now }
    }

    /// Drives the saga until it ends, or is parked and the tape moves it no more.
    pub(crate) fn drive(&mut self) -> SagaState {
        for _ in 0..MOVES_MAX {
            if self.state.saga_state().is_ended() {
                return self.state.saga_state();
            }
            if !self.is_owned {
                if self.state.saga_state() == SagaState::Stuck && self.tape.is_at_end() {
                    return SagaState::Stuck;
                }
                self.nobody();
                continue;
            }
            if self.tape.one_in(24) {
                self.crash();
                continue;
            }
            match self.next() {
                Action::Record(event) => {
                    if matches!(event, Event::DeadlinePassed { .. }) {
                        self.running.clear();
                    }
                    self.is_owned = !matches!(event, Event::Stuck { .. });
                    self.record(event);
                }
                Action::Attempt { step, number, task } => self.begin(step, task, number),
                Action::Wait { until } => self.wait(until),
                Action::Park => self.is_owned = false,
                Action::End => return self.state.saga_state(),
            }
        }
        panic!("the saga goes in circles: {}", self.tale());
    }

    /// What breaks the rules, in the journal so far.
    pub(crate) fn broken(&self) -> Vec<String> {
        let violations = invariants_with(self.definition, &self.defaults, &self.journal);
        let of_journal = invariants_of_journal(&self.journal);
        violations.iter().chain(&of_journal).map(ToString::to_string).collect()
    }

    /// The journal, for people.
    pub(crate) fn tale(&self) -> String {
        let mut tale = format!("{:?}", Drawn(self.definition.clone()));
        for record in &self.journal {
            // Writing to a `String` cannot fail.
            _ = writeln!(tale, "{:>4} {} {:?}", record.sequence, record.at.as_micros(), record.event);
        }
        tale
    }

    pub(crate) fn next(&self) -> Action {
        let mut running = StepSet::EMPTY;
        for &(step, ..) in &self.running {
            running.insert(step);
        }
        let situation = Situation { now: self.now, running, defaults: &self.defaults };
        self.state.next(self.definition, &situation)
    }

    pub(crate) fn record(&mut self, event: Event) {
        if let Err(illegal) = self.try_record(event) {
            panic!("the machine refuses its own event, {illegal}: {}", self.tale());
        }
    }

    /// Records an event, if it fits.
    pub(crate) fn try_record(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let mut state = self.state.clone();
        let fit = state.apply(self.definition, &event);
        if fit.is_ok() {
            self.state = state;
        }
        let (sequence, at) = (self.journal.len() as u64, self.now);
        self.journal.push(Record { sequence, at, event });
        fit.inspect_err(|_| _ = self.journal.pop())
    }

    fn begin(&mut self, step: usize, task: Task, number: u32) {
        assert!(self.running.iter().all(|&(of, ..)| of != step), "begun twice: {}", self.tale());
        if task == Task::Execute && self.definition.steps[step].at_most_once {
            let is_known = !self.state.steps()[step].doubt;
            assert!(is_known, "run again though in doubt: {}", self.tale());
            self.record(Event::StepStarted { step, attempt: number });
        }
        self.running.push((step, task, number));
    }

    fn wait(&mut self, until: Option<Timestamp>) {
        if self.running.is_empty() {
            let until = until.unwrap_or_else(|| panic!("nothing to wait for: {}", self.tale()));
            assert!(until > self.now, "a wait for the past: {}", self.tale());
            match self.tape.choose(8) {
                6 => {
                    self.record(Event::Released { until: Some(until) });
                    (self.is_owned, self.wake_at) = (false, until);
                }
                7 => self.answer_any(),
                _ => self.now = until,
            }
            return;
        }
        match self.tape.choose(12) {
            9 => self.answer_any(),
            10 => self.now = self.now.saturating_add(secs(30)),
            11 => self.now = until.map_or(self.now, |until| self.now.max(until)),
            outcome => {
                let which = self.tape.choose(self.running.len());
                let of = self.running.swap_remove(which);
                self.end(of, outcome);
            }
        }
    }

    /// An attempt ends: well, where `outcome` is below 3.
    fn end(&mut self, (step, task, attempt): (usize, Task, u32), outcome: usize) {
        let error = match outcome {
            0..3 => return self.end_well((step, task, attempt)),
            3 | 4 => StepError::transient("busy"),
            5 => StepError::business("NO", "no"),
            6 => StepError::permanent("never"),
            7 => StepError::in_doubt("no answer"),
            _ => StepError::permanent("too large").with_code("SAGA_OUTPUT_UNRECORDABLE"),
        };
        let then = verdict(self.definition, &self.defaults, (step, task, attempt), &error, self.now);
        let failure = Box::new(StepFailure::new(&self.definition.steps[step].name, &error, attempt));
        self.record(match task {
            Task::Execute => Event::StepFailed { step, attempt, failure, then },
            Task::Verify => Event::VerifyFailed { step, attempt, failure, then },
            Task::Undo => Event::CompensationFailed { step, attempt, failure, then },
        });
    }

    fn end_well(&mut self, (step, task, attempt): (usize, Task, u32)) {
        let output = Payload::from(&b"1"[..]);
        let event = match task {
            Task::Execute => Event::StepCompleted { step, attempt, by: By::Execution, output },
            Task::Verify if self.tape.one_in(2) => Event::StepAbsent { step },
            Task::Verify => Event::StepCompleted { step, attempt, by: By::Verification, output },
            Task::Undo => Event::StepCompensated { step, attempt, by: By::Execution },
        };
        self.record(event);
    }

    /// The worker dies: what ran is lost, and another one takes over.
    fn crash(&mut self) {
        self.running.clear();
        self.claim();
    }

    fn claim(&mut self) {
        (self.is_owned, self.now) = (true, self.now.saturating_add(secs(1)));
        self.record(Event::Claimed { worker: WorkerId::new() });
    }

    /// Nobody drives the saga: its time comes, or somebody asks something of it.
    fn nobody(&mut self) {
        self.now = self.now.max(self.wake_at);
        self.claim();
        // Taken up, a saga answers what was asked of it before anything else.
        if self.state.saga_state() == SagaState::Stuck || self.tape.one_in(3) {
            self.answer_any();
        }
    }

    fn answer_any(&mut self) {
        let request = any_request(self.definition, &self.tape);
        let answer = self.state.answer(self.definition, &request);
        self.record(answer);
    }
}

fn any_request(definition: &Definition, tape: &Tape) -> Request {
    let step = |tape: &Tape| {
        let index = tape.choose(definition.steps.len() + 1);
        definition.steps.get(index).map_or("nowhere".to_owned(), |step| step.name.to_string())
    };
    let note = "by hand".to_owned();
    match tape.choose(8) {
        0 | 1 => Request::Retry,
        2 | 3 => Request::Skip { step: step(tape), note },
        4 | 5 => Request::Supply { step: step(tape), output: b"2".to_vec(), note },
        6 => Request::Cancel { reason: "not wanted".to_owned() },
        _ => Request::Abandon { note },
    }
}

/// Any event at all, of steps that the definition has, and of one that it hasn't.
pub(crate) fn any_event(definition: &Definition, tape: &Tape) -> Event {
    let step = tape.choose(definition.steps.len() + 1);
    let attempt = u32::try_from(tape.choose(4)).expect("a small number");
    let at = Timestamp::from_micros(2_000_000);
    let then = if tape.one_in(2) { Then::Retry { at } } else { Then::GiveUp };
    let kinds = [FailureKind::Transient, FailureKind::Permanent, FailureKind::Business, FailureKind::InDoubt];
    let error = StepError::new(kinds[tape.choose(4)], "any");
    let name = definition.steps.get(step).map_or("nowhere", |step| step.name.as_ref());
    let failure = StepFailure::new(name, &error, attempt);
    let cause = match tape.choose(3) {
        0 => Cause::StepFailed { failure: failure.clone() },
        1 => Cause::Cancelled { reason: "not wanted".to_owned() },
        _ => Cause::TimedOut,
    };
    let by = match tape.choose(3) {
        0 => By::Execution,
        1 => By::Verification,
        _ => By::Operator { note: "by hand".to_owned() },
    };
    let reasons = [
        StuckReason::UndoFailed { failure: failure.clone() },
        StuckReason::StepFailed { failure: failure.clone() },
        StuckReason::PivotInDoubt { step: name.to_owned() },
        StuckReason::CrashLoop { claims: 1 },
        StuckReason::UnknownDefinition { definition: "any".to_owned() },
    ];
    let output = Payload::from(&b"3"[..]);
    let request = ["cancel", "timeout", "retry"][tape.choose(3)];
    match tape.choose(18) {
        0 => Event::SagaStarted(Box::new(started(definition, at, None))),
        1 => Event::Claimed { worker: WorkerId::new() },
        2 => Event::Released { until: Some(at) },
        3 => Event::StepStarted { step, attempt },
        4 | 5 => Event::StepCompleted { step, attempt, by, output },
        6 => Event::StepFailed { step, attempt, failure: Box::new(failure), then },
        7 => Event::StepAbsent { step },
        8 => Event::VerifyFailed { step, attempt, failure: Box::new(failure), then },
        9 => Event::CancelRequested { reason: "not wanted".to_owned() },
        10 => Event::DeadlinePassed { dropped: (0..tape.choose(3)).map(|more| step + more).collect() },
        11 => Event::RequestRefused { request: request.into(), reason: "no".into() },
        12 => {
            let count = tape.choose(3);
            let stages = (0..count).map(|_| vec![tape.choose(definition.steps.len() + 1)]).collect();
            let on_failure = if tape.one_in(2) { OnUndoFailure::GoOn } else { OnUndoFailure::Park };
            Event::CompensationStarted { cause: Box::new(cause), plan: UndoPlan { stages, on_failure } }
        }
        13 => Event::StepCompensated { step, attempt, by },
        14 => Event::CompensationFailed { step, attempt, failure: Box::new(failure), then },
        15 => Event::Stuck { reason: Box::new(reasons[tape.choose(5)].clone()) },
        16 if tape.one_in(2) => Event::Resumed,
        16 => Event::Abandoned { note: "enough".to_owned() },
        _ => Event::Ended { state: SagaState::ALL[tape.choose(9)], not_undone: Vec::new() },
    }
}
