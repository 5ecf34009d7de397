//! `saga doctor`: holds the rules against what is stored, and says what to do.

use std::fmt::Write as _;
use std::time::Duration;

use saga::machine::{Event, Record, invariants, invariants_of_journal};
use saga::store::Store;
use saga::{SagaId, SagaInstance, SagaState, StoreError, Timestamp};
use serde_json::{Value, json};

use super::{alive, definition_of};
use crate::args::{Doctor, Place};
use crate::error::{Exit, Problem};
use crate::filter::Pages;
use crate::open::{Mode, open};
use crate::output::{Output, plain};
use crate::time::short;

/// Something that is not as it should be.
struct Finding {
    is_problem: bool,
    code: &'static str,
    saga: Option<SagaId>,
    what: String,
    advice: String,
}

/// A saga that could be taken up this long and was not is overdue: a lease runs out in 15 s where nothing else is set.
const OVERDUE: Duration = Duration::from_mins(1);

/// Clocks that differ by more make leases and times hard to read.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn run(place: &Place, doctor: &Doctor, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let mut round = Round {
        store: store.as_ref(),
        now: store.ping().await?,
        alive: alive(store.as_ref()).await?,
        findings: Vec::new(),
        shapeless: 0,
    };
    round.look_at_clock(Timestamp::system_now());
    let mut filter = doctor.filter.filter(store.as_ref()).await?;
    if filter.states.is_empty() && !doctor.ended {
        filter.states = SagaState::ALL.into_iter().filter(|state| !state.is_ended()).collect();
    }
    let (mut pages, mut checked, mut open_sagas) = (Pages::new(filter), 0_usize, 0_usize);
    let mut is_all = true;
    'pages: while let Some(sagas) = pages.next(store.as_ref()).await? {
        for saga in sagas {
            if checked == doctor.limit {
                is_all = false;
                break 'pages;
            }
            checked += 1;
            open_sagas += usize::from(!saga.state.is_ended() && saga.state != SagaState::Stuck);
            round.look_at(&saga).await?;
        }
    }
    round.look_at_workers(open_sagas);
    round.look_at_shapes();
    let Round { findings, .. } = round;
    output.write(|| text(&findings, checked, is_all, output), || value(&findings, checked, is_all))?;
    Ok(if findings.iter().any(|finding| finding.is_problem) { Exit::Unwell } else { Exit::Done })
}

struct Round<'a> {
    store: &'a dyn Store,
    now: Timestamp,
    alive: Vec<saga::WorkerId>,
    findings: Vec<Finding>,
    /// Sagas that only the rules of the journal were held against.
    shapeless: usize,
}

impl Round<'_> {
    fn find(
        &mut self,
        is_problem: bool,
        code: &'static str,
        saga: Option<SagaId>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding { is_problem, code, saga, what: what.into(), advice: advice.into() });
    }

    fn look_at_clock(&mut self, here: Timestamp) {
        let skew = self.now.since(here).max(here.since(self.now));
        if skew > CLOCK_SKEW_MAX {
            let what = format!("the store's clock and this machine's differ by {}", short(skew));
            self.find(false, "SAGA_DOCTOR_CLOCK", None, what, "set the clocks by NTP; times are the store's");
        }
    }

    fn look_at_workers(&mut self, open_sagas: usize) {
        if open_sagas > 0 && self.alive.is_empty() {
            let what = format!("{open_sagas} sagas are to be driven, and no worker is alive");
            let advice = "start the application: its coordinator takes them up";
            self.find(true, "SAGA_DOCTOR_NO_WORKER", None, what, advice);
        }
    }

    fn look_at_shapes(&mut self) {
        if self.shapeless > 0 {
            let what = format!(
                "the shapes of the definitions of {} sagas are not in the store: only a part of the rules was checked",
                self.shapeless
            );
            let advice = "start a coordinator that has them registered; it leaves their shapes in the store";
            self.find(false, "SAGA_DOCTOR_NO_SHAPE", None, what, advice);
        }
    }

    async fn look_at(&mut self, saga: &SagaInstance) -> Result<(), Problem> {
        let journal = match self.store.load(saga.id).await {
            Ok(journal) => journal,
            Err(StoreError::Broken { problem }) => {
                let advice = "keep a copy of the store; if a later version wrote it, use that one's `saga`";
                self.find(true, "SAGA_DOCTOR_UNREADABLE", Some(saga.id), problem, advice);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if journal.is_empty() {
            // Purged since the list was read.
            return Ok(());
        }
        self.look_at_journal(saga, &journal).await?;
        self.look_at_reason(saga, &journal);
        self.look_at_requests(saga).await?;
        self.look_at_due(saga);
        Ok(())
    }

    async fn look_at_journal(&mut self, saga: &SagaInstance, journal: &[Record]) -> Result<(), Problem> {
        let violations = match definition_of(self.store, saga).await? {
            Some(definition) => invariants(&definition, journal),
            None => {
                self.shapeless += 1;
                invariants_of_journal(journal)
            }
        };
        for violation in violations {
            let advice = "compare its journal (`saga show --events`) with what really happened, put that right by hand, \
                          and report the journal as a bug";
            self.find(true, "SAGA_DOCTOR_RULE", Some(saga.id), violation.to_string(), advice);
        }
        // The row and the journal tell one story.
        let last = journal.iter().rev().find_map(|record| match &record.event {
            Event::Ended { state, .. } => Some(*state),
            _ => None,
        });
        let differs = |row: SagaState| last.map_or(row.is_ended(), |state| state != row);
        if !differs(saga.state) {
            return Ok(());
        }
        // It may have ended since its row was read: what the row says now counts.
        if let Some(now) = self.store.instance(saga.id).await?.filter(|now| differs(now.state)) {
            let told = last.map_or("not ended", SagaState::as_str);
            let what = format!("its row says {}, its journal {told}", now.state);
            let advice =
                "trust the journal; somebody wrote to the store by hand, or a backup was restored in part";
            self.find(true, "SAGA_DOCTOR_RULE", Some(saga.id), what, advice);
        }
        Ok(())
    }

    fn look_at_reason(&mut self, saga: &SagaInstance, journal: &[Record]) {
        if saga.state != SagaState::Stuck {
            return;
        }
        let parked = journal.iter().rev().find_map(|record| match &record.event {
            Event::Stuck { reason } => Some((record.at, reason)),
            _ => None,
        });
        if let Some((at, reason)) = parked {
            let what = format!("stuck for {}: {reason}", short(self.now.since(at)));
            let advice = format!(
                "see {} in docs/errors.md; `saga show {}` tells how it came about",
                reason.code(),
                saga.id
            );
            self.find(true, reason.code().as_str(), Some(saga.id), what, advice);
        }
    }

    async fn look_at_requests(&mut self, saga: &SagaInstance) -> Result<(), Problem> {
        if saga.state.is_ended() {
            return Ok(());
        }
        let open = self.store.requests(saga.id).await?;
        if let Some((_, request)) = open.first() {
            let name = request.name();
            let (what, advice) = match self.alive.len() {
                0 => (
                    format!("asked for `{name}`, and no worker is alive"),
                    "start the application; `saga abandon --now` needs none".to_owned(),
                ),
                alive => (
                    format!("asked for `{name}`, not carried out yet by {alive} workers"),
                    format!(
                        "wait a little; else start one that knows `{}` version {}",
                        saga.definition, saga.version
                    ),
                ),
            };
            self.find(self.alive.is_empty(), "SAGA_DOCTOR_UNANSWERED", Some(saga.id), what, advice);
        }
        Ok(())
    }

    fn look_at_due(&mut self, saga: &SagaInstance) {
        let rests = saga.state.is_ended() || saga.state == SagaState::Stuck;
        let is_owned = saga.owner.is_some_and(|owner| self.alive.contains(&owner));
        let due = saga.wake_at.unwrap_or(saga.updated_at);
        let late = self.now.since(due);
        if !rests && !is_owned && late > OVERDUE {
            let what = format!("{}, and nobody has taken it up for {}", saga.state, short(late));
            let advice = format!(
                "see that a worker is alive that knows `{}` version {} ({}), and has places free",
                saga.definition, saga.version, saga.fingerprint
            );
            self.find(true, "SAGA_DOCTOR_OVERDUE", Some(saga.id), what, advice);
        }
    }
}

fn text(findings: &[Finding], checked: usize, is_all: bool, output: &Output) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    for finding in findings {
        let head = if finding.is_problem { output.bad("problem") } else { "note".to_owned() };
        let saga = finding.saga.map(|saga| format!("saga {saga}: ")).unwrap_or_default();
        _ = writeln!(text, "{head}[{}]: {saga}{}", finding.code, plain(&finding.what));
        _ = writeln!(text, "  {}", plain(&finding.advice));
    }
    let more = if is_all { "" } else { "; there are more, see --limit" };
    let problems = findings.iter().filter(|finding| finding.is_problem).count();
    _ = writeln!(text, "{checked} sagas looked at{more}; {problems} problems");
    text
}

fn value(findings: &[Finding], checked: usize, is_all: bool) -> Value {
    let finding = |finding: &Finding| {
        let Finding { is_problem, code, saga, what, advice } = finding;
        json!({
            "severity": if *is_problem { "problem" } else { "note" },
            "code": code, "saga": saga, "what": what, "advice": advice,
        })
    };
    json!({
        "checked": checked,
        "is_all": is_all,
        "problems": findings.iter().filter(|finding| finding.is_problem).count(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
