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

#[cfg(test)]
mod tests {
    use saga::machine::{By, SagaStarted};
    use saga::store::{Append, HeadChange, JournalStore as _};
    use saga::{Labels, MemoryStore, Payload, Saga as _, SagaId, Timestamp, WorkerId};
    use saga_tests::Folder;
    use saga_tests::shipment::Shipment;

    use super::*;

    /// A shipment that all went well with, under two owners, `a` and then `b`, in a world that says so: what a test
    /// breaks, the judge has to find.
    struct Case {
        saga: SagaId,
        owners: [WorkerId; 2],
        /// Who signed each step, in the order of the flow.
        signed: [&'static str; 7],
        /// The lines of the world besides those of the steps.
        more: Vec<String>,
    }

    /// The steps that are done before the second owner claims the saga.
    const BEFORE: usize = 3;

    impl Case {
        fn good() -> Self {
            let owners = [WorkerId::new(), WorkerId::new()];
            Self {
                saga: SagaId::new(),
                owners,
                signed: ["a", "a", "a", "b", "b", "b", "b"],
                more: Vec::new(),
            }
        }

        fn line(&self, word: &str, step: &str, key: &str, caller: &str) -> String {
            format!("{word} {} {step} {key} {caller} .\n", self.saga)
        }

        fn events(&self) -> Vec<Event> {
            let definition = Shipment::definition();
            let started = SagaStarted {
                definition: definition.name.clone(),
                version: definition.version,
                fingerprint: definition.fingerprint,
                codec: "json".into(),
                labels: Labels::new(),
                key: Some("0".to_owned()),
                start_at: Timestamp::from_micros(0),
                deadline: None,
                owner: Some(self.owners[0]),
                input: Payload::from(b"\"Well\"".as_slice()),
            };
            let mut events = vec![Event::SagaStarted(Box::new(started))];
            for (step, signed) in self.signed.iter().enumerate() {
                if step == BEFORE {
                    events.push(Event::Claimed { worker: self.owners[1] });
                }
                let output = Payload::from(format!("\"{signed}\"").as_bytes());
                events.push(Event::StepCompleted { step, attempt: 1, by: By::Execution, output });
            }
            events.push(Event::Ended { state: SagaState::Completed, not_undone: Vec::new() });
            events
        }

        /// What the judge finds wrong.
        async fn wrong(self) -> Vec<String> {
            let store = MemoryStore::new();
            let head = HeadChange { state: SagaState::Completed, owner: None, wake_at: None };
            let events = self.events();
            let append = Append { saga: self.saga, expected: 0, events, head: Some(head), answered: None };
            store.append_one(&append).await.unwrap().unwrap();
            let folder = Folder::new();
            let world = folder.file("world");
            let names = Shipment::definition().steps.iter().map(|step| step.name.to_string());
            let lines =
                names.zip(self.signed).map(|(step, signed)| self.line("effect", &step, &step, signed));
            let lines: String = lines.chain(self.more.iter().cloned()).collect();
            std::fs::write(&world, lines).unwrap();
            let callers: Callers = self.owners.into_iter().zip(["a".to_owned(), "b".to_owned()]).collect();
            let mut load = Load::default();
            load.started.insert(0, self.saga);
            judge(&store, &world, &callers, &load).await.wrong
        }
    }

    async fn expect(case: Case, what: &str) {
        let wrong = case.wrong().await;
        assert!(wrong.iter().any(|wrong| wrong.contains(what)), "`{what}` is not in {wrong:#?}");
    }

    #[tokio::test]
    async fn nothing_is_wrong_with_two_owners_one_after_the_other() {
        let mut case = Case::good();
        // Who lost the saga may have done again what the other has done too, under the same key.
        case.more.push(case.line("effect", "pack", "pack", "a"));
        assert_eq!(case.wrong().await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_append_of_the_first_owner_in_the_epoch_of_the_second_is_found() {
        let mut case = Case::good();
        case.signed[4] = "a";
        expect(case, "a did step 4, and b owns the saga").await;
    }

    #[tokio::test]
    async fn an_append_of_the_second_owner_in_the_epoch_of_the_first_is_found() {
        let mut case = Case::good();
        case.signed[1] = "b";
        expect(case, "b did step 1, and a owns the saga").await;
    }

    #[tokio::test]
    async fn an_effect_under_two_keys_is_found() {
        let mut case = Case::good();
        case.more.push(case.line("effect", "pay", "another", "b"));
        expect(case, "`pay` came under several keys").await;
    }

    #[tokio::test]
    async fn an_undo_of_what_is_recorded_as_done_is_found() {
        let mut case = Case::good();
        case.more.push(case.line("undo", "send", "undo", "b"));
        expect(case, "`send` left no effect, and the saga completed").await;
    }

    #[tokio::test]
    async fn an_acknowledged_start_that_is_lost_is_found() {
        let store = MemoryStore::new();
        let folder = Folder::new();
        let world = folder.file("world");
        std::fs::write(&world, "").unwrap();
        let mut load = Load::default();
        load.started.insert(7, SagaId::new());
        let verdict = judge(&store, &world, &Callers::new(), &load).await;
        assert_eq!(verdict.wrong, ["number 7 was acknowledged, and is lost"]);
    }
}
