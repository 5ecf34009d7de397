//! The crash driver: the process dies at every write, and what comes of it must be right.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::faults::{Access, Call, Fault, Faults, Harm, Moment};
use super::ledger::Ledger;
use super::life::{End, Era};
use super::opening::{OpenStore, memory_store};
use super::report::{CrashFailure, CrashReport};
use super::sameness::{Sameness, difference};
use super::story;
use super::subject::{Ended, Known, Subject, TypedSubject, story_of};
use super::verdict::verdict;
use crate::machine::{Record, SagaState, fold};
use crate::policy::hours;
use crate::{Definition, Saga};

/// Runs a saga again and again, and lets the process die, or the store fail, at every single call.
///
/// `services` makes the saga with services that record their effects in the ledger, `input` what it is started
/// with. First comes a run in which nothing goes wrong. Then, for each write of that run, one in which the process
/// dies right before it, and one in which it dies right after it, before it hears of it; a fresh coordinator takes
/// the saga up. Then all that for deaths during the recovery, and for calls that get no answer and no death. Every
/// run must end, its journal must keep all rules, and the world must be as the outcome says.
///
/// ```
/// use saga::testing::{CrashTest, Ledger};
/// use saga::{StepContext, StepError, saga, step};
///
/// #[saga(steps(book))]
/// struct Booking {
///     hotel: Ledger,
/// }
///
/// #[step(compensate = cancel)]
/// async fn book(cx: &StepContext<Booking>, nights: &u32) -> Result<u32, StepError> {
///     cx.hotel.record(cx);
///     Ok(*nights)
/// }
///
/// async fn cancel(cx: &StepContext<Booking>, _nights: &u32) -> Result<(), StepError> {
///     cx.hotel.record(cx);
///     Ok(())
/// }
///
/// let services = |world: &Ledger| Booking { hotel: world.clone() };
/// let report = CrashTest::new(services, || 2).run().unwrap_or_else(|failure| panic!("{failure}"));
/// assert_eq!(report.writes, 2);
/// println!("{report}");
/// ```
///
/// It makes runtimes of its own, with paused clocks: call it from a plain `#[test]`, not from inside a runtime.
#[must_use = "a test does nothing before `run`"]
pub struct CrashTest<'a> {
    subject: MakeSubject<'a>,
    open: Box<dyn Fn() -> OpenStore + 'a>,
    second_deaths_max: usize,
    time_max: Duration,
    cancel_after: Option<Duration>,
    batches: bool,
    is_clock_real: bool,
    sameness: Sameness,
    flaky_seeds: u64,
}

/// Makes the saga of one run over its world.
type MakeSubject<'a> = Box<dyn Fn(&Ledger) -> Arc<dyn Subject> + 'a>;

/// [`CrashTest`] with all defaults: panics with the story of the first run in which something is wrong.
pub fn crash_at_every_write<S: Saga>(
    services: impl Fn(&Ledger) -> S + Send + Sync + 'static,
    input: impl Fn() -> S::Input + Send + Sync + 'static,
) -> CrashReport {
    CrashTest::new(services, input).run().unwrap_or_else(|failure| panic!("{failure}"))
}

/// As many runs with a second death are made, spread evenly, where nothing else is set.
const SECOND_DEATHS_MAX: usize = 200;

impl<'a> CrashTest<'a> {
    /// A test over stores in memory.
    pub fn new<S: Saga>(
        services: impl Fn(&Ledger) -> S + Send + Sync + 'static,
        input: impl Fn() -> S::Input + Send + Sync + 'static,
    ) -> Self {
        let (services, input) = (Arc::new(services), Arc::new(input));
        Self::of(move |ledger| {
            let (services, input) = (Arc::clone(&services), Arc::clone(&input));
            let ledger = ledger.clone();
            Arc::new(TypedSubject::new(move || services(&ledger), move || input()))
        })
    }

    pub(super) fn of(subject: impl Fn(&Ledger) -> Arc<dyn Subject> + 'a) -> Self {
        Self {
            subject: Box::new(subject),
            open: Box::new(memory_store),
            second_deaths_max: SECOND_DEATHS_MAX,
            time_max: hours(24),
            cancel_after: None,
            batches: false,
            is_clock_real: false,
            sameness: Sameness::State,
            flaky_seeds: 5,
        }
    }

    /// Each run gets a fresh store from here. Without a call: [`memory_store`].
    pub fn stores(mut self, open: impl Fn() -> OpenStore + 'a) -> Self {
        self.open = Box::new(open);
        self
    }

    /// At most so many runs with a second death, spread evenly over all there could be. Without a call: 200.
    pub fn second_deaths(mut self, count: usize) -> Self {
        self.second_deaths_max = count;
        self
    }

    /// So many runs on a store that answers every fifth call with an error. Without a call: 5.
    pub fn flaky_runs(mut self, count: u64) -> Self {
        self.flaky_seeds = count;
        self
    }

    /// Somebody cancels the saga so long after its start, by the paused clock, in each life until the request is
    /// recorded. Without a call: nobody does.
    pub fn cancel_after(mut self, time: Duration) -> Self {
        self.cancel_after = Some(time);
        self
    }

    /// How long one life may take, by the paused clock. Without a call: 24 hours.
    pub fn time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
        self
    }

    /// A crash may change how the saga ends, also where no attempt is in doubt and no deadline passed: say so where
    /// what a service answers depends on how often it was called.
    pub fn outcome_may_differ(mut self) -> Self {
        self.sameness = Sameness::Nothing;
        self
    }

    /// The steps' outputs must be the same too.
    pub(super) fn same_outputs(mut self) -> Self {
        self.sameness = Sameness::StateAndOutputs;
        self
    }

    /// Appends are written in batches, whatever the store says of itself.
    pub fn group_commit(mut self) -> Self {
        self.batches = true;
        self
    }

    /// Each life runs by the real clock: for a store on a server, whose own clock no test can move. Without a call the
    /// clock is paused, and no time is spent on waiting.
    pub fn by_the_real_clock(mut self) -> Self {
        self.is_clock_real = true;
        self
    }

    /// Runs it all; the first run in which something is wrong ends it.
    pub fn run(self) -> Result<CrashReport, Box<CrashFailure>> {
        let mut report = CrashReport::default();
        let reference = self.checked(&[], None, &mut report)?;
        let writes = effective(&reference.calls[0], Access::Write);
        report.writes = writes.len();
        let mut second = Vec::new();
        for first in faults_at(&writes, Harm::Death) {
            let run = self.checked(&[Plan::Fault(first)], Some(&reference), &mut report)?;
            let recovery = run.calls.get(1).map(|calls| effective(calls, Access::Write)).unwrap_or_default();
            second.extend(faults_at(&recovery, Harm::Death).map(|then| (first, then)));
        }
        for (first, then) in spread(&second, self.second_deaths_max) {
            self.checked(&[Plan::Fault(first), Plan::Fault(then)], Some(&reference), &mut report)?;
            report.second_deaths += 1;
        }
        let reads = effective(&reference.calls[0], Access::Read);
        for fault in faults_at(&writes, Harm::Unavailable).chain(faults_at(&reads, Harm::Unavailable)) {
            self.checked(&[Plan::Fault(fault)], Some(&reference), &mut report)?;
        }
        for seed in 0..self.flaky_seeds {
            self.checked(&[Plan::Flaky(seed)], Some(&reference), &mut report)?;
        }
        Ok(report)
    }

    /// One run, and whether it is right.
    fn checked(
        &self,
        plans: &[Plan],
        reference: Option<&Run>,
        report: &mut CrashReport,
    ) -> Result<Run, Box<CrashFailure>> {
        let run = self.run_once(plans);
        report.runs += 1;
        let mut violations = run.problem.clone().into_iter().collect::<Vec<_>>();
        if let Some(ended) = &run.ended {
            let known = &reference.unwrap_or(&run).known;
            let journal = (ended.saga, ended.journal.as_slice());
            violations.extend(verdict(run.definition, journal, &run.ledger, known));
            violations.extend(ended.problems.iter().cloned());
            if let Some(reference) = reference.and_then(|reference| reference.ended.as_ref()) {
                violations.extend(difference(
                    self.sameness,
                    run.definition,
                    &reference.journal,
                    &ended.journal,
                ));
            }
            *report.outcomes.entry(state_of(run.definition, &ended.journal)).or_default() += 1;
        }
        if violations.is_empty() {
            return Ok(run);
        }
        let journal = run.ended.as_ref().map(|ended| ended.journal.as_slice()).unwrap_or_default();
        Err(Box::new(CrashFailure {
            faults: plans.iter().map(ToString::to_string).collect(),
            violations,
            journal: story::journal(run.definition, journal),
            calls: run.calls,
            world: run.ledger.entries().iter().map(ToString::to_string).collect(),
        }))
    }

    /// One run: a fresh store and a fresh world, a life for each plan, and one more in which nothing goes wrong.
    fn run_once(&self, plans: &[Plan]) -> Run {
        let (ledger, open, mut era) = (Ledger::new(), (self.open)(), Era::new(self.is_clock_real));
        let subject = (self.subject)(&ledger);
        let cancel_after = self.cancel_after.or_else(|| subject.cancel_after());
        let known = Arc::new(Known::new(cancel_after));
        let mut run = Run {
            definition: subject.definition(),
            known: std::collections::BTreeSet::new(),
            ledger,
            calls: Vec::new(),
            ended: None,
            problem: None,
        };
        for plan in plans.iter().map(Plan::faults).chain([Faults::none()]) {
            let story = (Arc::clone(&subject), Arc::clone(&known));
            let end = era.live(&open, &plan, (self.time_max, self.batches), |stores| {
                Box::pin(story_of(story.0, story.1, stores))
            });
            run.calls.push(plan.calls());
            match end {
                End::Died => continue,
                End::Done(Ok(ended)) => run.ended = Some(ended),
                End::Done(Err(problem)) => run.problem = Some(problem),
                End::NoStore(error) => run.problem = Some(format!("the store cannot be opened: {error}")),
                End::Hung => {
                    run.problem = Some(format!("the saga did not come to rest in {:?}", self.time_max));
                    run.ended = known.so_far();
                }
            }
            break;
        }
        if let Some(ended) = &mut run.ended {
            ended.problems.extend(subject.problems(&ended.journal));
        }
        run.known = run.ledger.known_steps();
        run
    }
}

/// What goes wrong in one life.
#[derive(Debug, Clone, Copy)]
enum Plan {
    Fault(Fault),
    Flaky(u64),
}

/// A flaky store fails every fifth call, as long as so many calls; then it is well.
const FLAKY: (u8, usize) = (20, 200);

impl Plan {
    fn faults(&self) -> Faults {
        match *self {
            Self::Fault(fault) => Faults::planned([fault]),
            Self::Flaky(seed) => Faults::flaky(seed, FLAKY.0, FLAKY.1),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Flaky(seed) => write!(f, "{} % of the calls get no answer, seed {seed}", FLAKY.0),
        }
    }
}

/// One run, over.
struct Run {
    definition: &'static Definition,
    known: std::collections::BTreeSet<String>,
    ledger: Ledger,
    calls: Vec<Vec<Call>>,
    ended: Option<Ended>,
    problem: Option<String>,
}

/// The numbers of the calls that did something.
fn effective(calls: &[Call], access: Access) -> Vec<usize> {
    let numbered = calls.iter().enumerate();
    numbered
        .filter(|(_, call)| call.access == access && call.is_effective)
        .map(|(number, _)| number)
        .collect()
}

fn faults_at(calls: &[usize], harm: Harm) -> impl Iterator<Item = Fault> {
    calls
        .iter()
        .flat_map(move |&call| [Moment::Before, Moment::After].map(|moment| Fault { call, moment, harm }))
}

/// At most `count` of `all`, spread evenly.
fn spread<T: Copy>(all: &[T], count: usize) -> impl Iterator<Item = T> {
    let count = count.min(all.len());
    (0..count).map(move |index| all[index * all.len() / count])
}

fn state_of(definition: &Definition, journal: &[Record]) -> SagaState {
    fold(definition, journal).map_or(SagaState::Stuck, |state| state.saga_state())
}
