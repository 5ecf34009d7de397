//! The rules, checked over a whole journal.
//!
//! This is the fold's counterpart and knows nothing of it: it takes down the plain [facts](facts::Facts) that the
//! records before each record tell, and holds each record against every rule. What it calls broken is broken,
//! whoever wrote it.

mod end;
mod facts;
mod forward;
mod order;
mod turn;
mod undo;

use std::fmt;

use facts::Facts;

use super::{Event, Record, fold};
use crate::policy::Defaults;
use crate::{Definition, STEPS_MAX, StepDefinition, StepKind};

/// A rule that a journal breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The sequence number of the record that breaks it.
    pub sequence: u64,
    /// The rule's short name.
    pub rule: &'static str,
    /// The rule in words.
    pub words: &'static str,
    /// How it is broken.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, rule, words, found } = self;
        write!(f, "record {sequence}: {words} [{rule}]; found: {found}")
    }
}

/// Lists what is broken in `journal`, the records of one saga of this definition, in order. Retries are held
/// against the policies that the definition sets itself.
#[must_use]
pub fn invariants(definition: &Definition, journal: &[Record]) -> Vec<Violation> {
    check(definition, None, journal)
}

/// Like [`invariants`], and where the definition sets no policy, these defaults hold.
#[must_use]
pub fn invariants_with(definition: &Definition, defaults: &Defaults, journal: &[Record]) -> Vec<Violation> {
    check(definition, Some(defaults), journal)
}

/// Lists what is broken in `journal` by the rules that need no definition: a part of all rules, for tools that have
/// nothing but the journal. What it calls broken is broken; what it finds in order may still break a rule of the others.
#[must_use]
pub fn invariants_of_journal(journal: &[Record]) -> Vec<Violation> {
    let Some(definition) = stand_in(journal) else {
        let (sequence, found) = (0, "no `saga_started`, or a step that no saga has".to_owned());
        return vec![Violation { sequence, rule: FOUNDATIONS[1].name, words: FOUNDATIONS[1].words, found }];
    };
    let mut violations = hold(FOUNDATIONS, |_| true, &definition, None, journal);
    if violations.is_empty() {
        violations = hold(RULES, |rule| rule.is_of_journal, &definition, None, journal);
    }
    violations
}

/// A definition of the name and shape that the journal tells, with as many steps as it speaks of. Of these nothing is
/// known but their number, and each may run at any time; the rules that are held against it ask for no more.
fn stand_in(journal: &[Record]) -> Option<Definition> {
    let Some(Event::SagaStarted(started)) = journal.first().map(|record| &record.event) else { return None };
    let last = journal.iter().flat_map(|record| spoken_of(&record.event)).max();
    let count = last.map_or(1, |last| last.saturating_add(1));
    if count > STEPS_MAX {
        return None;
    }
    let step = |number| StepDefinition::new(format!("step {number}"), StepKind::NothingToUndo);
    let steps = (1..=count).map(step).collect();
    let mut definition =
        Definition::new(started.definition.clone(), started.version, steps, vec![(0..count).collect()]);
    definition.fingerprint = started.fingerprint;
    Some(definition)
}

/// The steps that an event speaks of.
fn spoken_of(event: &Event) -> Vec<usize> {
    match event {
        Event::DeadlinePassed { dropped } => dropped.clone(),
        Event::CompensationStarted { plan, .. } => plan.stages.concat(),
        event => event.step().into_iter().collect(),
    }
}

/// The short names of all rules.
pub fn invariant_rules() -> impl Iterator<Item = &'static str> {
    let rules = FOUNDATIONS.iter().chain(RULES).map(|rule| rule.name);
    rules.chain([FOLDS.0])
}

/// One rule: what is found where a record breaks it, else `None`.
struct Rule {
    name: &'static str,
    words: &'static str,
    check: fn(&Moment<'_>) -> Option<String>,
    /// Whether the journal alone tells whether it is broken.
    is_of_journal: bool,
}

/// A record, and what the records before it tell.
struct Moment<'a> {
    definition: &'a Definition,
    defaults: Option<&'a Defaults>,
    index: usize,
    record: &'a Record,
    facts: &'a Facts<'a>,
}

const fn rule(name: &'static str, words: &'static str, check: fn(&Moment<'_>) -> Option<String>) -> Rule {
    Rule { name, words, check, is_of_journal: false }
}

/// A rule that asks the definition for nothing.
const fn of_journal(
    name: &'static str,
    words: &'static str,
    check: fn(&Moment<'_>) -> Option<String>,
) -> Rule {
    Rule { name, words, check, is_of_journal: true }
}

/// Where one of these is broken, nothing else can be told.
#[rustfmt::skip]
const FOUNDATIONS: &[Rule] = &[
    rule("numbers", "records are numbered from 0 without gaps", order::numbers),
    rule("one_start", "the first record is `saga_started` of this definition, and no other is", order::one_start),
    rule("known_steps", "only steps of the definition are spoken of", order::known_steps),
];

/// The table of contents.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    // Who may write what, when.
    of_journal("end_is_last", "nothing follows `ended`", order::end_is_last),
    of_journal("owned", "only an owner writes: what was released, parked or never owned is claimed first", order::owned),
    rule("released_at_rest", "a saga is released only with nothing under way", order::released_at_rest),
    of_journal("stuck_rests", "a stuck saga rests until an operator moves it", order::stuck_rests),
    of_journal("operator_when_stuck", "an operator moves only a stuck saga", order::operator_when_stuck),
    of_journal("given_up", "a saga that was given up only ends", order::given_up),
    rule("stuck_reason", "a saga is parked for a reason that its journal shows", order::stuck_reason),
    // Going forward.
    rule("flow_order", "a step waits until every stage before its own is done", forward::flow_order),
    rule("done_once", "a step that is done is not attempted again", forward::done_once),
    rule("attempt_numbers", "attempts are numbered 1, 2, 3, anew only once the saga is resumed", forward::attempt_numbers),
    of_journal("refusals_stand", "a business or permanent failure is never followed by a retry", forward::refusals_stand),
    rule("within_policy", "attempts are followed by no more retries than their policy allows", forward::within_policy),
    rule("given_up_stays", "a step that was given up is attempted again only once the saga is resumed", forward::given_up_stays),
    rule("recorded_starts", "an attempt of an `at_most_once` step has its start recorded", forward::recorded_starts),
    rule("at_most_once", "an `at_most_once` step in doubt is never run again", forward::at_most_once),
    rule("asked_in_doubt", "only a step in doubt is asked, its attempts used up or the saga turning", forward::asked_in_doubt),
    rule("supply_fits", "only a step that is done, or whose turn it is going forward, is supplied", forward::supply_fits),
    // Turning back.
    rule("one_turn", "a cancel or a deadline is accepted only by a saga that isn't turning yet", turn::one_turn),
    rule("no_step_begins", "no step begins once the saga turns back", turn::no_step_begins),
    rule("dropped_open", "a deadline drops only attempts that can have been under way", turn::dropped_open),
    of_journal("no_way_forward", "nothing goes forward, or turns, once compensation started", turn::no_way_forward),
    rule("true_cause", "a saga turns back for a cause that its journal shows", turn::true_cause),
    rule("point_of_no_return", "past the pivot nothing is cancelled, timed out or undone", turn::point_of_no_return),
    rule("pivot_in_doubt", "a saga whose pivot is in doubt doesn't turn back", turn::pivot_in_doubt),
    rule("settled_first", "attempts end, and steps in doubt are asked, before compensation starts", turn::settled_first),
    // Going back.
    rule("plan_needed", "the plan undoes only what needs it, each step once", undo::plan_needed),
    rule("plan_of_strategy", "the plan is the one of the definition's strategy", undo::plan_of_strategy),
    of_journal("undo_planned", "only planned steps are undone", undo::undo_planned),
    of_journal("undone_once", "a step is undone at most once", undo::undone_once),
    of_journal("undo_order", "a stage of the plan waits until those before are settled, or stops there", undo::undo_order),
    rule("undo_given_up", "an undo that was given up is tried again only once the saga is resumed", undo::undo_given_up),
    rule("skip_fits", "only what took effect, or may have, is skipped", undo::skip_fits),
    // The end.
    rule("completed", "a saga is completed once every step is done and nothing makes it turn", end::completed),
    of_journal("end_of_cause", "a saga that went back ends as its cause says", end::end_of_cause),
    of_journal("end_settled", "a saga that goes back ends once its plan is settled", end::end_settled),
    of_journal("end_honest", "a saga is failed if something is not undone, or it was given up, and else is not", end::end_honest),
    rule("end_report", "a saga that went back lists exactly what is not undone", end::end_report),
    rule("given_up_report", "a saga that was given up lists exactly what is not undone", end::given_up_report),
];

/// Looked at last: a journal that breaks no rule above folds.
const FOLDS: (&str, &str) = ("folds", "a journal that breaks no other rule folds");

fn check(definition: &Definition, defaults: Option<&Defaults>, journal: &[Record]) -> Vec<Violation> {
    let mut violations = hold(FOUNDATIONS, |_| true, definition, defaults, journal);
    if violations.is_empty() {
        violations = hold(RULES, |_| true, definition, defaults, journal);
    }
    if violations.is_empty()
        && let Err(illegal) = fold(definition, journal)
    {
        let sequence = journal.last().map_or(0, |record| record.sequence);
        let (rule, words) = FOLDS;
        violations.push(Violation { sequence, rule, words, found: illegal.to_string() });
    }
    violations
}

fn hold(
    rules: &[Rule],
    is_wanted: fn(&Rule) -> bool,
    definition: &Definition,
    defaults: Option<&Defaults>,
    journal: &[Record],
) -> Vec<Violation> {
    let mut facts = Facts::new(definition);
    let mut violations = Vec::new();
    for (index, record) in journal.iter().enumerate() {
        let moment = Moment { definition, defaults, index, record, facts: &facts };
        for Rule { name, words, check, .. } in rules.iter().filter(|rule| is_wanted(rule)) {
            if let Some(found) = check(&moment) {
                violations.push(Violation { sequence: record.sequence, rule: name, words, found });
            }
        }
        facts.note(&record.event);
    }
    violations
}

impl<'a> Moment<'a> {
    const fn event(&self) -> &'a Event {
        &self.record.event
    }

    /// The step by its name, for people.
    fn name(&self, step: usize) -> String {
        format!("step `{}`", self.definition.steps[step].name)
    }
}

/// `found`, where a rule is broken.
fn broken_if(is_broken: bool, found: impl FnOnce() -> String) -> Option<String> {
    is_broken.then(found)
}
