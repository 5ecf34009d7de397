//! A process is killed again and again, at random moments, under load; the one after it takes everything over.
//!
//! `SAGA_KILLS=500` kills it more often, `SAGA_FIRST_SEED=17` at other moments.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use saga::machine::SagaState;
use saga::store::{JournalStore as _, QueryStore as _};
use saga::{SagaFilter, SagaInstance};
use saga_sqlite::SqliteStore;
use saga_tests::outside::accounts;
use saga_tests::shipment::{Callers, Course, wrong};
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
    let (folder, mut callers) = (Folder::new(), Callers::new());
    while counted.kills < kills_max {
        let mut worker = Worker::start(&folder, &mut callers);
        tokio::time::sleep(Duration::from_millis(dice.u64(0..counted.life_max_millis()))).await;
        if worker.kill() {
            counted.kills += 1;
            count_under_way(&folder, counted).await;
        } else {
            break;
        }
    }
    Worker::start(&folder, &mut callers).finish();
    let store = SqliteStore::open(folder.file("sagas.db")).await.unwrap();
    let accounts = accounts(&folder.file("world")).unwrap();
    let sagas = all(&store).await;
    let mut keys: Vec<usize> = sagas.iter().map(|saga| saga.key.as_ref().unwrap().parse().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..SHIPMENTS).collect::<Vec<_>>(), "each start is one saga");
    for saga in sagas {
        let course = Course::of(saga.key.as_deref().unwrap().parse().unwrap());
        let journal = store.load(saga.id).await.unwrap();
        let wrong = wrong(course, saga.id, &journal, &accounts, &callers);
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
    /// Starts it, and returns once it drives sagas. Its name is entered among the callers of the world.
    fn start(folder: &Folder, callers: &mut Callers) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_kill_worker"))
            .args([folder.file("sagas.db"), folder.file("world")])
            .arg(SHIPMENTS.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        ready.read_line(&mut line).unwrap();
        let ["ready", worker, caller] = *line.split_whitespace().collect::<Vec<_>>() else {
            panic!("the process did not come up: `{line}`");
        };
        callers.insert(worker.parse().unwrap(), caller.to_owned());
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
