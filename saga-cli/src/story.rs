//! A journal as people look at it: step by step, attempt by attempt. It needs no code of the saga; with the shape of its
//! definition, steps have their names.

use std::collections::BTreeSet;

use saga::machine::{By, Event, NotUndone, Record, StuckReason, Then};
use saga::{Cause, Definition, FailureKind, Payload, StepFailure, StepKind, Timestamp};

/// What a journal tells.
pub(crate) struct Story<'a> {
    pub(crate) codec: &'a str,
    pub(crate) input: &'a Payload,
    pub(crate) start_at: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) steps: Vec<StepStory<'a>>,
    pub(crate) cause: Option<&'a Cause>,
    /// Of a saga that is parked now.
    pub(crate) stuck: Option<&'a StuckReason>,
    pub(crate) not_undone: &'a [NotUndone],
    /// When workers took it up.
    pub(crate) claims: Vec<Timestamp>,
    /// What people did, or was refused to them: when, and what.
    pub(crate) remarks: Vec<(Timestamp, String)>,
}

pub(crate) struct StepStory<'a> {
    pub(crate) name: String,
    pub(crate) kind: Option<StepKind>,
    pub(crate) status: &'static str,
    pub(crate) attempts: Vec<AttemptStory<'a>>,
    pub(crate) output: Option<&'a Payload>,
}

pub(crate) struct AttemptStory<'a> {
    pub(crate) what: What,
    pub(crate) number: u32,
    /// When it began at the latest, as far as the journal tells: when what it waited for was over.
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) result: Outcome,
    pub(crate) failure: Option<&'a StepFailure>,
    /// Of a person who did it by hand.
    pub(crate) note: Option<&'a str>,
    pub(crate) retry_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Execute,
    Verify,
    Undo,
}

impl What {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Verify => "verify",
            Self::Undo => "undo",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Absent,
    Failed,
    InDoubt,
    Undone,
    ByHand,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Absent => "no effect",
            Self::Failed => "failed",
            Self::InDoubt => "in doubt",
            Self::Undone => "undone",
            Self::ByHand => "by hand",
        }
    }
}

/// What a journal tells; `None` where it doesn't begin as journals do.
pub(crate) fn story<'a>(definition: Option<&Definition>, journal: &'a [Record]) -> Option<Story<'a>> {
    let Some(Event::SagaStarted(started)) = journal.first().map(|record| &record.event) else { return None };
    let mut story = Story {
        codec: &started.codec,
        input: &started.input,
        start_at: started.start_at,
        deadline: started.deadline,
        steps: steps(definition, journal),
        cause: None,
        stuck: None,
        not_undone: &[],
        claims: Vec::new(),
        remarks: Vec::new(),
    };
    for (index, record) in journal.iter().enumerate() {
        story.tell(record);
        let Some(step) = record.event.step().filter(|step| *step < story.steps.len()) else { continue };
        let from = began(definition, journal, index);
        story.steps[step].tell(record, from);
    }
    Some(story)
}

/// The steps of the definition, else as many as the journal speaks of, by number.
fn steps<'a>(definition: Option<&Definition>, journal: &[Record]) -> Vec<StepStory<'a>> {
    let new = |name: String, kind: Option<StepKind>| StepStory {
        name,
        kind,
        status: "waiting",
        attempts: Vec::new(),
        output: None,
    };
    if let Some(definition) = definition {
        return definition.steps.iter().map(|step| new(step.name.to_string(), Some(step.kind))).collect();
    }
    let count = journal.iter().filter_map(|record| record.event.step()).max().map_or(0, |last| last + 1);
    let mut steps: Vec<_> =
        (1..=count.min(saga::STEPS_MAX)).map(|number| new(format!("step {number}"), None)).collect();
    // A failure tells the name of its step.
    for record in journal {
        let (Event::StepFailed { step, failure, .. }
        | Event::VerifyFailed { step, failure, .. }
        | Event::CompensationFailed { step, failure, .. }) = &record.event
        else {
            continue;
        };
        if let Some(known) = steps.get_mut(*step) {
            known.name.clone_from(&failure.step);
        }
    }
    steps
}

impl<'a> Story<'a> {
    fn tell(&mut self, record: &'a Record) {
        let at = record.at;
        match &record.event {
            Event::Claimed { .. } => self.claims.push(at),
            Event::CompensationStarted { cause, .. } => self.cause = Some(cause),
            Event::Stuck { reason } => self.stuck = Some(reason),
            Event::Resumed => {
                self.stuck = None;
                self.remarks.push((at, "retried by an operator".to_owned()));
            }
            Event::Abandoned { note } => {
                self.stuck = None;
                self.remarks.push((at, format!("given up by an operator: {note}")));
            }
            Event::CancelRequested { reason } => {
                self.remarks.push((at, format!("cancel requested: {reason}")));
            }
            Event::DeadlinePassed { .. } => self.remarks.push((at, "the saga's deadline passed".to_owned())),
            Event::RequestRefused { request, reason } => {
                self.remarks.push((at, format!("{request} refused: {reason}")));
            }
            Event::StepCompleted { by: By::Operator { .. }, .. }
            | Event::StepCompensated { by: By::Operator { .. }, .. } => self.stuck = None,
            Event::Ended { not_undone, .. } => self.not_undone = not_undone,
            _ => {}
        }
    }
}

impl<'a> StepStory<'a> {
    fn tell(&mut self, record: &'a Record, from: Timestamp) {
        let mut attempt = AttemptStory {
            what: What::Execute,
            number: 0,
            from,
            to: record.at,
            result: Outcome::Done,
            failure: None,
            note: None,
            retry_at: None,
        };
        match &record.event {
            Event::StepStarted { .. } => {
                self.status = "under way";
                return;
            }
            Event::StepCompleted { attempt: number, by, output, .. } => {
                (self.status, self.output, attempt.number) = ("done", Some(output), *number);
                match by {
                    By::Verification => attempt.what = What::Verify,
                    By::Operator { note } => {
                        (attempt.result, attempt.note) = (Outcome::ByHand, Some(note.as_str()));
                    }
                    By::Execution => {}
                }
            }
            Event::StepAbsent { .. } => {
                self.status = "failed";
                (attempt.what, attempt.result) = (What::Verify, Outcome::Absent);
            }
            Event::StepFailed { attempt: number, failure, then, .. } => {
                attempt.fail(*number, failure, *then);
                self.status = match (then, failure.kind) {
                    (Then::Retry { .. }, _) => "to be retried",
                    (Then::GiveUp, FailureKind::InDoubt) => "in doubt",
                    (Then::GiveUp, _) => "failed",
                };
            }
            Event::VerifyFailed { attempt: number, failure, then, .. } => {
                attempt.fail(*number, failure, *then);
                (attempt.what, self.status) = (What::Verify, "in doubt");
            }
            Event::StepCompensated { attempt: number, by, .. } => {
                (self.status, attempt.number) = ("undone", *number);
                (attempt.what, attempt.result) = (What::Undo, Outcome::Undone);
                if let By::Operator { note } = by {
                    (attempt.result, attempt.note) = (Outcome::ByHand, Some(note.as_str()));
                }
            }
            Event::CompensationFailed { attempt: number, failure, then, .. } => {
                attempt.fail(*number, failure, *then);
                attempt.what = What::Undo;
                self.status = if *then == Then::GiveUp { "undo failed" } else { "undo to be retried" };
            }
            _ => return,
        }
        self.attempts.push(attempt);
    }
}

impl<'a> AttemptStory<'a> {
    fn fail(&mut self, number: u32, failure: &'a StepFailure, then: Then) {
        self.number = number;
        self.failure = Some(failure);
        self.result = if failure.kind == FailureKind::InDoubt { Outcome::InDoubt } else { Outcome::Failed };
        if let Then::Retry { at } = then {
            self.retry_at = Some(at);
        }
    }
}

/// When the attempt began whose end is the entry at `index`: when the last thing that it waited for was over.
fn began(definition: Option<&Definition>, journal: &[Record], index: usize) -> Timestamp {
    let own = &journal[index].event;
    let beside = beside(definition, &journal[..index], own);
    let mut began = journal[0].at;
    if let Event::SagaStarted(started) = &journal[0].event {
        began = began.max(started.start_at);
    }
    for Record { at, event, .. } in &journal[1..index.max(1)] {
        let over = match (event.step(), event) {
            (
                Some(step),
                Event::StepFailed { then: Then::Retry { at }, .. }
                | Event::VerifyFailed { then: Then::Retry { at }, .. }
                | Event::CompensationFailed { then: Then::Retry { at }, .. },
            ) if Some(step) == own.step() => *at,
            // What runs at the same time is not waited for.
            (Some(step), _) if Some(step) != own.step() && beside.contains(&step) => continue,
            _ => *at,
        };
        began = began.max(over);
    }
    began.min(journal[index].at)
}

/// The steps that run, or are undone, at the same time as that of `own`.
fn beside(definition: Option<&Definition>, earlier: &[Record], own: &Event) -> BTreeSet<usize> {
    let is_undo = matches!(own, Event::StepCompensated { .. } | Event::CompensationFailed { .. });
    let plan = earlier.iter().find_map(|record| match &record.event {
        Event::CompensationStarted { plan, .. } if is_undo => Some(&plan.stages),
        _ => None,
    });
    let stages = plan.or(definition.filter(|_| !is_undo).map(|definition| &definition.stages));
    let of_stage = |stage: &&Vec<usize>| own.step().is_some_and(|step| stage.contains(&step));
    stages.and_then(|stages| stages.iter().find(of_stage)).into_iter().flatten().copied().collect()
}
