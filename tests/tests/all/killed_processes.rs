//! A process is killed again and again, at random moments, under load; the one after it takes everything over.
//!
//! `SAGA_KILLS=500` kills it more often, `SAGA_FIRST_SEED=17` at other moments.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use saga::machine::{By, Event, Record, SagaState, State, StepStatus, fold, invariants};
use saga::store::{JournalStore as _, QueryStore as _};
use saga::{Saga as _, SagaFilter, SagaId, SagaInstance, StepKind};
use saga_sqlite::SqliteStore;
use saga_tests::outside::{Accounts, accounts};
use saga_tests::shipment::{Course, Shipment};
use saga_tests::{Folder, setting};

/// One round: a fresh store and a fresh world, and so many shipments.
const SHIPMENTS: usize = 240;

#[derive(Debug, Default)]
struct Counted {
    kills: usize,
    /// Kills that found sagas under way in this direction.
    kills_forward: usize,
    kills_backward: usize,
    states: BTreeMap<SagaState, usize>,
    effects: usize,
    calls: usize,
    claims: usize,
}

impl Counted {
    /// On a slow machine a process must live longer to come to an undo: kills that find none lengthen the lives.
    fn life_max_millis(&self) -> u64 {
        150 * (1 + self.kills.saturating_sub(10 * self.kills_backward) as u64 / 10)
    }
}

#[tokio::test]
async fn a_process_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    let kills = usize::try_from(setting("SAGA_KILLS", 50)).unwrap();
    let mut dice = fastrand::Rng::with_seed(setting("SAGA_FIRST_SEED", 0));
    let mut counted = Counted::default();
    let mut rounds = 0;
    while counted.kills < kills {
        rounds += 1;
        round(&mut dice, kills, &mut counted).await;
    }
    println!("{rounds} rounds of {SHIPMENTS} sagas: {counted:?}");
    assert!(counted.kills_forward > 0 && counted.kills_backward > 0, "{counted:?}");
    assert!(counted.calls > counted.effects, "no call was ever repeated: {counted:?}");
}

async fn round(dice: &mut fastrand::Rng, kills_max: usize, counted: &mut Counted) {
    let folder = Folder::new();
    while counted.kills < kills_max {
        let mut worker = Worker::start(&folder);
        tokio::time::sleep(Duration::from_millis(dice.u64(0..counted.life_max_millis()))).await;
        if worker.kill() {
            counted.kills += 1;
            count_under_way(&folder, counted).await;
        } else {
            break;
        }
    }
    Worker::start(&folder).finish();
    let store = SqliteStore::open(folder.file("sagas.db")).await.unwrap();
    let accounts = accounts(&folder.file("world")).unwrap();
    let sagas = all(&store).await;
    let mut keys: Vec<usize> = sagas.iter().map(|saga| saga.key.as_ref().unwrap().parse().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..SHIPMENTS).collect::<Vec<_>>(), "each start is one saga");
    for saga in sagas {
        let course = Course::of(saga.key.as_deref().unwrap().parse().unwrap());
        let journal = store.load(saga.id).await.unwrap();
        let wrong = wrong(course, saga.id, &journal, &accounts);
        assert!(wrong.is_empty(), "{course:?} {}: {wrong:#?}\n{journal:#?}", saga.id);
        *counted.states.entry(saga.state).or_default() += 1;
        counted.claims += journal.iter().filter(|record| record.event.kind() == "claimed").count();
    }
    counted.effects +=
        accounts.values().map(|account| account.effects.len() + account.undos.len()).sum::<usize>();
    counted.calls += accounts.values().map(|account| account.calls).sum::<usize>();
}

/// A process that drives the shipments.
struct Worker {
    process: Child,
    _ready: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it, and returns once it drives sagas.
    fn start(folder: &Folder) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_kill_worker"))
            .args([folder.file("sagas.db"), folder.file("world")])
            .arg(SHIPMENTS.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        ready.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the process did not come up");
        Self { process, _ready: ready }
    }

    /// Kills it with SIGKILL; `false` where it had done all there was to do.
    fn kill(&mut self) -> bool {
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success() || status.code().is_none(), "{status}");
        !status.success()
    }

    fn finish(mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

async fn all(store: &SqliteStore) -> Vec<SagaInstance> {
    let page = store.list(&SagaFilter::new().limit(1_000)).await.unwrap();
    assert_eq!(page.next, None);
    page.sagas
}

async fn count_under_way(folder: &Folder, counted: &mut Counted) {
    let store = SqliteStore::open(folder.file("sagas.db")).await.unwrap();
    let states: Vec<SagaState> = all(&store).await.into_iter().map(|saga| saga.state).collect();
    counted.kills_forward += usize::from(states.contains(&SagaState::Running));
    counted.kills_backward += usize::from(states.contains(&SagaState::Compensating));
}

/// What is wrong with a shipment after all is over.
fn wrong(course: Course, saga: SagaId, journal: &[Record], accounts: &Accounts) -> Vec<String> {
    let definition = Shipment::definition();
    let mut wrong: Vec<String> = invariants(definition, journal).iter().map(ToString::to_string).collect();
    let state = match fold(definition, journal) {
        Ok(state) => state,
        Err(illegal) => return vec![illegal.to_string()],
    };
    let expected = match course {
        Course::Well | Course::Mute => SagaState::Completed,
        Course::NoVan | Course::Declined | Course::Silent => SagaState::Compensated,
        Course::Jammed => SagaState::Stuck,
    };
    if state.saga_state() != expected {
        wrong.push(format!("it is {}, and not {expected}: {:?}", state.saga_state(), state.stuck_reason()));
    }
    if expected == SagaState::Stuck && state.stuck_reason().is_none() {
        wrong.push("it is parked without a reason".to_owned());
    }
    for (index, step) in definition.steps.iter().enumerate() {
        let account = accounts.get(&(saga, step.name.to_string())).cloned().unwrap_or_default();
        let mut say = |what: String| wrong.push(format!("`{}` {what}", step.name));
        if account.effects.len() > 1 || account.undos.len() > 1 {
            say(format!("came under several keys: {account:?}"));
        }
        if account.is_disordered {
            say("was done again after its undo".to_owned());
        }
        for kind in ["step_completed", "step_compensated"] {
            let count = recorded(journal, index, kind);
            if count > 1 {
                say(format!("is recorded {count} times as {kind}"));
            }
        }
        if let Some(what) = against_world(&state, index, step.kind, account.effects.len(), account.stands) {
            say(format!("{what}: {:?}, {account:?}", state.steps()[index].status));
        }
    }
    wrong
}

fn recorded(journal: &[Record], step: usize, kind: &str) -> usize {
    let by_operator = |event: &Event| {
        matches!(
            event,
            Event::StepCompleted { by: By::Operator { .. }, .. }
                | Event::StepCompensated { by: By::Operator { .. }, .. }
        )
    };
    let of = |record: &&Record| record.event.kind() == kind && record.event.step() == Some(step);
    journal.iter().filter(of).filter(|record| !by_operator(&record.event)).count()
}

fn against_world(
    state: &State,
    step: usize,
    kind: StepKind,
    effects: usize,
    stands: bool,
) -> Option<&'static str> {
    match (state.saga_state(), state.steps()[step].status) {
        (SagaState::Completed, _) if !stands => Some("left no effect, and the saga completed"),
        (SagaState::Compensated, _) if stands => Some("stands, and the saga says that all is undone"),
        (_, StepStatus::Done) if effects == 0 => Some("is recorded as done, and left no effect"),
        (_, StepStatus::Undone | StepStatus::Failed) if stands => Some("is recorded as undone, and stands"),
        (_, StepStatus::Done) if kind == StepKind::Pivot && !stands => {
            Some("is the pivot, and does not stand")
        }
        _ => None,
    }
}
