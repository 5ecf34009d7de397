//! What became of a fleet's sagas: counted, and held against what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use saga::machine::Event;
use saga::{SagaFilter, SagaState, Store};
use saga_tests::outside::accounts;
use saga_tests::shipment::{Callers, Course, wrong};

use crate::load::Load;

/// The count.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    wrong: Vec<String>,
    workers: usize,
    ends: BTreeMap<SagaState, usize>,
    /// Takeovers, each the beginning of an epoch.
    takeovers: usize,
    /// Sagas that had more than one owner.
    with_many_owners: usize,
    effects: usize,
    undos: usize,
    calls: usize,
    /// Calls of stale owners that the world refused.
    late: usize,
    repeated_starts: usize,
    outcomes: usize,
}

pub(crate) async fn judge(store: &dyn Store, world: &Path, callers: &Callers, load: &Load) -> Verdict {
    let mut verdict = Verdict {
        workers: callers.len(),
        repeated_starts: load.repeated,
        outcomes: load.outcomes,
        ..Verdict::default()
    };
    let accounts = accounts(world).expect("the world can be read");
    let mut filter = SagaFilter::new().limit(500);
    let mut numbers = BTreeSet::new();
    loop {
        let page = store.list(&filter).await.expect("the server is up");
        for saga in page.sagas {
            let journal = store.load(saga.id).await.expect("the server is up");
            let number: usize = saga.key.as_deref().unwrap_or_default().parse().expect("its key is a number");
            let course = Course::of(number);
            let mut say =
                |what: String| verdict.wrong.push(format!("number {number}, {course:?} {}: {what}", saga.id));
            if !numbers.insert(number) {
                say("its number has two sagas".to_owned());
            }
            if load.started.get(&number) != Some(&saga.id) {
                say(format!("its starter was told of {:?}", load.started.get(&number)));
            }
            let found = wrong(course, saga.id, &journal, &accounts, callers);
            if !found.is_empty() {
                say(format!("{found:#?}\n{journal:#?}"));
            }
            *verdict.ends.entry(saga.state).or_default() += 1;
            let claims =
                journal.iter().filter(|record| matches!(record.event, Event::Claimed { .. })).count();
            verdict.takeovers += claims;
            verdict.with_many_owners += usize::from(claims > 0);
        }
        let Some(next) = page.next else { break };
        filter = filter.after(next);
    }
    for number in load.started.keys().filter(|number| !numbers.contains(number)) {
        verdict.wrong.push(format!("number {number} was acknowledged, and is lost"));
    }
    for account in accounts.values() {
        verdict.effects += account.effects.len();
        verdict.undos += account.undos.len();
        verdict.calls += account.calls;
        verdict.late += account.late.len();
    }
    verdict
}

impl Verdict {
    /// # Panics
    ///
    /// Where something is wrong, or nothing happened that could have gone wrong.
    pub(crate) fn expect_good(&self) {
        let first = self.wrong.first().map_or("", String::as_str);
        assert!(self.wrong.is_empty(), "{} sagas are wrong; the first: {first}", self.wrong.len());
        let ends = [SagaState::Completed, SagaState::Compensated, SagaState::Stuck];
        assert!(ends.iter().all(|end| self.ends.contains_key(end)), "{self}");
        assert!(self.takeovers > 0 && self.calls > self.effects + self.undos, "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sagas: usize = self.ends.values().sum();
        write!(f, "{sagas} sagas:")?;
        for (state, count) in &self.ends {
            write!(f, " {count} {state},")?;
        }
        let Self { workers, takeovers, with_many_owners, effects, undos, calls, late, .. } = self;
        write!(
            f,
            " driven by {workers} workers one after another; {takeovers} takeovers of {with_many_owners} sagas; \
             {effects} effects and {undos} undos by {calls} calls, of which {late} came from stale owners after an \
             undo; {} starts repeated, {} outcomes waited for",
            self.repeated_starts, self.outcomes
        )
    }
}
