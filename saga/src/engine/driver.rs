//! The loop: ask the machine, act, record, ask again.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::Span;

use super::attempt::{AttemptOf, Begun, Doorkeeper, Underway};
use super::flow::{AttemptOutcome, Flow, PlaceOf};
use super::journal::{Handover, Journal, Recording};
use super::lease::Tenure;
use super::mailbox::{Mailbox, Signal};
use super::running::Running;
use super::trace::StepSpans;
use super::workers::Workers;
use crate::context::{Attempt, SagaScope};
use crate::instruments::Stopwatch;
use crate::machine::{Action, By, Event, IllegalEvent, Situation, State, Task, verdict};
use crate::policy::Defaults;
use crate::store::Clock;
use crate::trace::TraceContext;
use crate::{Definition, StepFailure, Timestamp};

/// Everything that one saga needs to be driven.
pub(crate) struct Driver<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) defaults: &'a Defaults,
    pub(crate) flow: &'a dyn Flow,
    pub(crate) scope: &'a SagaScope,
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) workers: Option<&'a Workers>,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal<'a>,
    pub(crate) span: Span,
    pub(crate) trace_context: Option<&'a dyn TraceContext>,
    /// A wait longer than this is spent in the store and not here.
    pub(crate) wait_max: Duration,
    /// Without one, nobody else can ever own the saga.
    pub(crate) tenure: Option<Tenure<'a>>,
}

/// How a drive came to its end in order.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The saga ended, or is parked.
    Rests,
    /// It was given back to the store until this time, or at once.
    Released(Option<Timestamp>),
}

/// Why a drive stopped where it stood. The saga is as its journal says.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It cannot be recorded any more.
    Recording(Recording),
    /// An event didn't fit: a broken rule of ours, or of the store's.
    Illegal(IllegalEvent),
    /// The coordinator's time is up.
    Halted,
    /// The worker's lease ran out: another may own the saga.
    Unleased,
}

impl From<Recording> for Halt {
    fn from(recording: Recording) -> Self {
        Self::Recording(recording)
    }
}

impl From<IllegalEvent> for Halt {
    fn from(illegal: IllegalEvent) -> Self {
        Self::Illegal(illegal)
    }
}

/// What a drive holds besides what it was given. `drafts` are applied to `state` and not durable yet: nobody sees
/// the state, and nothing is done by it, before they are; where they can't be, it is of no more use.
struct Drive<'a, 's> {
    /// The time of the last look at the clock: where the saga has a deadline, before each decision; else after the
    /// last wait that was one.
    now: Timestamp,
    state: &'s mut State,
    drafts: Vec<Event>,
    running: Running<'a>,
    /// Where the next attempt runs: the place of one that has ended.
    spare: Option<PlaceOf<'a>>,
    spans: StepSpans<'a>,
}

/// What ended a wait.
enum Woken {
    Ended(AttemptOf, AttemptOutcome),
    Due,
    Signalled,
}

impl<'a> Driver<'a> {
    /// Drives the saga on from `state`, with `first` as its first event, if it is new. After a halt the state is of no
    /// more use.
    pub(crate) async fn drive(
        &mut self,
        state: &mut State,
        first: Option<Event>,
        on_recorded: impl FnOnce(),
    ) -> Result<Stop, Halt> {
        let spans = StepSpans::new(self.span.clone(), self.trace_context);
        let mut drive = Drive {
            now: self.clock.at(self.scope.deadlines.origin()),
            state,
            drafts: Vec::new(),
            running: Running::default(),
            spare: None,
            spans,
        };
        if let Some(first) = first {
            self.draft(&mut drive, first)?;
            self.commit(&mut drive, Handover::Kept).await?;
        }
        on_recorded();
        loop {
            // Also a saga that never has to wait is cancelled, and halts.
            if self.mailbox.has(Signal::Halt) {
                return Err(Halt::Halted);
            }
            // Before anything begins: a cancel that has come is carried out first. Nobody answers for a saga that ends
            // with the next commit.
            if !drive.state.saga_state().is_ended()
                && self.mailbox.take(Signal::Requests)
                && let Some(stop) = Box::pin(self.answer_requests(&mut drive)).await?
            {
                return Ok(stop);
            }
            if drive.state.deadline().is_some() {
                drive.now = self.clock.now();
            }
            let situation =
                Situation { now: drive.now, running: drive.running.steps(), defaults: self.defaults };
            match drive.state.next(self.definition, &situation) {
                Action::Record(event) => {
                    if matches!(event, Event::DeadlinePassed { .. }) {
                        drive.running.drop_all();
                    }
                    self.draft(&mut drive, event)?;
                }
                Action::Attempt { step, number, task } => {
                    let mut is_late = false;
                    if self.is_recorded_at_start(step, task) {
                        // What is recorded as begun is in doubt, also where it then does not begin; and what is not
                        // recorded must not begin, also where the saga is regained while the rest is written.
                        is_late = !self.holds(drive.now) && !Box::pin(self.regain()).await;
                        if !is_late {
                            self.draft(&mut drive, Event::StepStarted { step, attempt: number })?;
                        }
                    }
                    if !drive.drafts.is_empty() {
                        self.commit(&mut drive, Handover::Kept).await?;
                    }
                    if is_late || (!self.holds(drive.now) && !Box::pin(self.regain()).await) {
                        return Err(Halt::Unleased);
                    }
                    // The commit of its start may have taken a while.
                    let of = AttemptOf { step, task, number, since: Stopwatch::start() };
                    poll_fn(|cx| Poll::Ready(self.begin(&mut drive, &of, cx))).await?;
                }
                Action::Wait { until } => {
                    self.commit(&mut drive, Handover::Kept).await?;
                    if let Some(stop) = self.wait(&mut drive, until).await? {
                        return Ok(stop);
                    }
                }
                Action::Park | Action::End => {
                    self.commit(&mut drive, Handover::Kept).await?;
                    drive.spans.rests(drive.state.saga_state());
                    return Ok(Stop::Rests);
                }
            }
        }
    }

    fn draft(&self, drive: &mut Drive<'a, '_>, event: Event) -> Result<(), IllegalEvent> {
        drive.state.apply(self.definition, &event)?;
        if matches!(self.journal, Journal::Durable(_)) {
            drive.drafts.push(event);
        }
        Ok(())
    }

    /// Makes the drafts durable: nothing is done for the saga before that.
    async fn commit(&mut self, drive: &mut Drive<'a, '_>, handover: Handover) -> Result<(), Recording> {
        match &mut self.journal {
            Journal::Durable(journal) => {
                let state = drive.state.saga_state();
                journal.commit(&mut drive.drafts, state, handover).await
            }
            Journal::Nowhere => Ok(()),
        }
    }

    /// Whether a start is recorded before it happens.
    fn is_recorded_at_start(&self, step: usize, task: Task) -> bool {
        task == Task::Execute
            && self.definition.steps[step].at_most_once
            && matches!(self.journal, Journal::Durable(_))
    }

    /// Whether nobody else can own the saga; `now` is the time of the last wait.
    fn holds(&self, now: Timestamp) -> bool {
        self.tenure.is_none_or(|tenure| tenure.holds(now))
    }

    /// After a lapse of the lease that is over: whether nobody took the saga meanwhile. Whoever finds that while the
    /// lease runs keeps the saga.
    async fn regain(&mut self) -> bool {
        let (Some(tenure), Journal::Durable(journal)) = (self.tenure, &self.journal) else { return true };
        let tenure = Tenure { term: tenure.lease.term(), ..tenure };
        let is_kept = tenure.holds_now() && journal.is_owned().await && tenure.holds_now();
        if is_kept {
            self.tenure = Some(tenure);
        }
        is_kept
    }

    /// Begins an attempt. Many end at once: those need no place among the running ones.
    fn begin(
        &self,
        drive: &mut Drive<'a, '_>,
        of: &AttemptOf,
        cx: &mut Context<'_>,
    ) -> Result<(), IllegalEvent> {
        let step = &self.definition.steps[of.step];
        let timeout = match of.task {
            Task::Execute | Task::Verify => self.defaults.step_timeout(step),
            Task::Undo => self.defaults.undo_timeout(self.definition, step),
        };
        let told = Attempt {
            scope: self.scope,
            step: &step.name,
            index: of.step,
            timeout,
            number: of.number,
            is_undo: of.task == Task::Undo,
        };
        self.scope.deadlines.begin(of.step);
        let span = drive.spans.attempt(self.definition, of.step, of.task, of.number);
        let doorkeeper = Doorkeeper { flow: self.flow, tenure: self.tenure, mailbox: self.mailbox };
        match Underway::begin((doorkeeper, self.workers), of, &told, span, &mut drive.spare, cx) {
            Begun::Ended(outcome) => self.attempt_ended(drive, of, outcome),
            Begun::Underway(attempt) => {
                drive.running.add(attempt);
                Ok(())
            }
        }
    }

    /// Waits for an attempt, a signal or a time. Where nothing is under way and the wait is a long one, the saga
    /// goes back to the store instead.
    async fn wait(
        &mut self,
        drive: &mut Drive<'a, '_>,
        until: Option<Timestamp>,
    ) -> Result<Option<Stop>, Halt> {
        if drive.running.is_empty()
            && matches!(self.journal, Journal::Durable(_))
            && (self.mailbox.has(Signal::Drain)
                || until.is_some_and(|until| until.since(drive.now) > self.wait_max))
        {
            return self.release(drive, until).await.map(Some);
        }
        match self.woken(drive, until).await {
            Woken::Ended(of, outcome) => self.attempt_ended(drive, &of, outcome)?,
            // What was signalled is looked at by the loop.
            Woken::Due | Woken::Signalled => {}
        }
        Ok(None)
    }

    /// Gives the saga back to the store, for whoever takes it up from then on.
    async fn release(&mut self, drive: &mut Drive<'a, '_>, until: Option<Timestamp>) -> Result<Stop, Halt> {
        self.draft(drive, Event::Released { until })?;
        self.commit(drive, Handover::ReleasedUntil(until)).await?;
        Ok(Stop::Released(until))
    }

    async fn woken(&self, drive: &mut Drive<'a, '_>, until: Option<Timestamp>) -> Woken {
        let until = until.map(|until| self.clock.instant_of(until));
        let mut signalled = pin!(self.mailbox.changed());
        let mut has_waited = false;
        let woken = poll_fn(|cx| {
            let woken = match drive.running.poll(until, cx) {
                Poll::Ready(Some((of, outcome))) => Poll::Ready(Woken::Ended(of, outcome)),
                Poll::Ready(None) => Poll::Ready(Woken::Due),
                Poll::Pending => signalled.as_mut().poll(cx).map(|()| Woken::Signalled),
            };
            has_waited |= woken.is_pending();
            woken
        })
        .await;
        if has_waited || matches!(woken, Woken::Due) {
            drive.now = self.clock.now();
        }
        woken
    }

    fn attempt_ended(
        &self,
        drive: &mut Drive<'a, '_>,
        &AttemptOf { step, task, number: attempt, since }: &AttemptOf,
        outcome: AttemptOutcome,
    ) -> Result<(), IllegalEvent> {
        if cfg!(feature = "metrics")
            && let Journal::Durable(journal) = &self.journal
        {
            journal.observer.attempt_took(self.definition, (step, task), since);
        }
        let event = match outcome {
            Ok(payload) => match (task, payload) {
                (Task::Execute, payload) => {
                    let output = payload.unwrap_or_default();
                    Event::StepCompleted { step, attempt, by: By::Execution, output }
                }
                (Task::Verify, Some(output)) => {
                    Event::StepCompleted { step, attempt, by: By::Verification, output }
                }
                (Task::Verify, None) => Event::StepAbsent { step },
                (Task::Undo, _) => Event::StepCompensated { step, attempt, by: By::Execution },
            },
            Err(error) => {
                let name = &self.definition.steps[step].name;
                let failure = Box::new(StepFailure::new(name, &error, attempt));
                let now = self.clock.now();
                let then = verdict(self.definition, self.defaults, (step, task, attempt), &error, now);
                tracing::debug!(parent: drive.spans.saga(), %failure, ?then, "an attempt failed");
                match task {
                    Task::Execute => Event::StepFailed { step, attempt, failure, then },
                    Task::Verify => Event::VerifyFailed { step, attempt, failure, then },
                    Task::Undo => Event::CompensationFailed { step, attempt, failure, then },
                }
            }
        };
        if !matches!(
            &event,
            Event::StepFailed { .. } | Event::VerifyFailed { .. } | Event::CompensationFailed { .. }
        ) {
            drive.spans.close(step, task);
        }
        self.draft(drive, event)
    }

    /// Answers what was asked of the saga, each request by an event. A saga that got an output from an operator goes
    /// back to the store: whoever takes it up, at once, restores all outputs from the journal, that one too.
    async fn answer_requests(&mut self, drive: &mut Drive<'a, '_>) -> Result<Option<Stop>, Halt> {
        let Journal::Durable(journal) = &mut self.journal else { return Ok(None) };
        let requests = match journal.store.requests(self.scope.id).await {
            Ok(requests) => requests,
            Err(error) => {
                // Asked again before the next attempt begins, and when a heartbeat says that there are requests.
                self.mailbox.put_back(Signal::Requests);
                tracing::warn!(saga.id = %self.scope.id, %error, "the requests for a saga cannot be read");
                return Ok(None);
            }
        };
        let (mut is_cancelled, mut is_supplied) = (false, false);
        for (number, request) in requests {
            journal.answered = Some(number);
            let answer = drive.state.answer(self.definition, &request);
            is_cancelled |= matches!(answer, Event::CancelRequested { .. });
            is_supplied |= matches!(answer, Event::StepCompleted { .. });
            drive.state.apply(self.definition, &answer)?;
            drive.drafts.push(answer);
        }
        if is_supplied {
            return self.release(drive, None).await.map(Some);
        }
        self.commit(drive, Handover::Kept).await?;
        if is_cancelled {
            self.scope.cancel.set();
        }
        Ok(None)
    }
}
