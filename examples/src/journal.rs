//! A saga's journal as a timeline: what was attempted when, and what came of it.

use std::collections::HashSet;
use std::time::Duration;

use saga::machine::{By, Event, Record, Then};
use saga::{Definition, FailureKind, Timestamp};

use crate::timeline::{Bar, Timeline};

/// What the characters of [`timeline`] mean.
pub const LEGEND: &str = "█ done   ▒ failed   ? in doubt   = asked whether it took effect   ◄ undone   x undo failed   ╎ taken up after a crash";

/// Draws a journal. It says when each attempt ended; an attempt began when what it waited for was over: the stage
/// before, the delay of its retry, or the crash after which it was made again.
#[must_use]
pub fn timeline(definition: &Definition, journal: &[Record]) -> Timeline {
    let clock = Clock::of(journal);
    let mut timeline = Timeline::default();
    for (at, record) in journal.iter().enumerate() {
        let ended = clock.time(record.at);
        if let Event::Claimed { .. } = record.event {
            timeline.mark("(crash)", ended, '╎');
        }
        let Some(step) = record.event.step() else { continue };
        let Some((prefix, fill)) = drawn(&record.event) else { continue };
        let name = format!("{prefix}{}", definition.steps[step].name);
        let from = clock.time(began(definition, journal, at));
        timeline.add(&name, Bar { from, to: ended, fill });
    }
    timeline
}

/// How an event of a step is drawn, and what stands before the step's name.
fn drawn(event: &Event) -> Option<(&'static str, char)> {
    Some(match event {
        Event::StepCompleted { by: By::Verification, .. } | Event::StepAbsent { .. } => ("verify ", '='),
        Event::VerifyFailed { .. } => ("verify ", '▒'),
        Event::StepCompleted { .. } => ("", '█'),
        Event::StepFailed { failure, .. } if failure.kind == FailureKind::InDoubt => ("", '?'),
        Event::StepFailed { .. } => ("", '▒'),
        Event::StepCompensated { .. } => ("undo ", '◄'),
        Event::CompensationFailed { .. } => ("undo ", 'x'),
        _ => return None,
    })
}

/// When the attempt began whose end is the entry at `index`.
fn began(definition: &Definition, journal: &[Record], index: usize) -> Timestamp {
    let event = &journal[index].event;
    let beside = beside(definition, &journal[..index], event);
    let mut began = journal[0].at;
    for Record { at, event: earlier, .. } in &journal[..index] {
        let is_beside = earlier.step().is_some_and(|step| beside.contains(&step));
        match earlier {
            Event::StepFailed { then, .. }
            | Event::VerifyFailed { then, .. }
            | Event::CompensationFailed { then, .. }
                if earlier.step() == event.step() =>
            {
                let next = if let Then::Retry { at: due } = then { due } else { at };
                began = began.max(*next);
            }
            // What runs at the same time is not waited for.
            _ if is_beside && is_undo(earlier) == is_undo(event) => {}
            _ => began = began.max(*at),
        }
    }
    began.min(journal[index].at)
}

/// The steps that run, or are undone, at the same time as that of `event`.
fn beside(definition: &Definition, earlier: &[Record], event: &Event) -> HashSet<usize> {
    let plan = earlier.iter().find_map(|record| match &record.event {
        Event::CompensationStarted { plan, .. } if is_undo(event) => Some(&plan.stages),
        _ => None,
    });
    let stages = plan.unwrap_or(&definition.stages);
    let stage = stages.iter().find(|stage| event.step().is_some_and(|step| stage.contains(&step)));
    stage.into_iter().flatten().copied().collect()
}

const fn is_undo(event: &Event) -> bool {
    matches!(event, Event::StepCompensated { .. } | Event::CompensationFailed { .. })
}

/// Time since the saga's start, without the hours that may lie between a crash and the next run.
struct Clock {
    start: Timestamp,
    /// From when on how much is left out.
    cuts: Vec<(Timestamp, Duration)>,
}

impl Clock {
    /// So much of the time between a crash and the next run is drawn.
    const GAP_MAX: Duration = Duration::from_millis(30);

    fn of(journal: &[Record]) -> Self {
        let start = journal.first().map_or(Timestamp::from_micros(0), |record| record.at);
        let gaps = journal.windows(2).filter(|pair| matches!(pair[1].event, Event::Claimed { .. }));
        let cuts = gaps.map(|pair| (pair[1].at, pair[1].at.since(pair[0].at).saturating_sub(Self::GAP_MAX)));
        Self { start, cuts: cuts.collect() }
    }

    fn time(&self, at: Timestamp) -> Duration {
        let cut: Duration = self.cuts.iter().filter(|(from, _)| *from <= at).map(|(_, cut)| *cut).sum();
        at.since(self.start).saturating_sub(cut)
    }
}
