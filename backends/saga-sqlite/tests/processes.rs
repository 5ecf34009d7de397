//! Two processes and one file: the second is refused, and takes everything over at once when the first is killed.
//!
//! Started with a path, this program is the first process: it writes sagas and says which are durable.

mod common;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Directory, new_saga, step, take};
use saga::store::{Beat, Claim, HeadChange, JournalStore};
use saga::{SagaId, SagaState, StoreError, WorkerId};
use saga_sqlite::SqliteStore;

const FILE: &str = "SAGA_SQLITE_TEST_FILE";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Ok(file) = std::env::var(FILE) {
        return runtime.block_on(write_until_killed(Path::new(&file)));
    }
    runtime.block_on(async {
        a_second_process_is_refused_at_once().await;
        what_a_killed_process_said_is_durable_is_there_and_free().await;
    });
}

/// The first process: every saga it names has been recorded, with two events, under a lease of an hour.
async fn write_until_killed(file: &Path) {
    let store = SqliteStore::open(file).await.unwrap();
    let worker = WorkerId::new();
    store.heartbeat(&Beat::new(worker, Duration::from_hours(1))).await.unwrap();
    loop {
        let mut new = new_saga();
        new.head = Some(HeadChange { state: SagaState::Running, owner: Some(worker), wake_at: None });
        take(&store, &new).await;
        take(&store, &step(new.saga, 1)).await;
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{}", new.saga).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

struct First {
    process: Child,
    durable: Lines<BufReader<ChildStdout>>,
}

impl First {
    fn start(file: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(FILE, file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let durable = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, durable }
    }

    fn next(&mut self) -> SagaId {
        self.durable.next().expect("it writes on").unwrap().parse().unwrap()
    }

    /// Kills it with SIGKILL, and returns what else it said was durable.
    fn kill(mut self) -> Vec<SagaId> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.durable.map_while(|line| line.ok()?.parse().ok()).collect()
    }
}

async fn a_second_process_is_refused_at_once() {
    let directory = Directory::new();
    let mut first = First::start(&directory.file());
    first.next();
    let begun = Instant::now();
    let error = SqliteStore::open(directory.file()).await.expect_err("the file is in use");
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let holder = format!("process {}", first.process.id());
    assert!(error.to_string().contains(&holder), "{error}");
    // The first is not disturbed.
    first.next();
    first.kill();
    SqliteStore::open(directory.file()).await.unwrap();
    println!("a_second_process_is_refused_at_once ... ok");
}

async fn what_a_killed_process_said_is_durable_is_there_and_free() {
    let directory = Directory::new();
    let mut durable = Vec::new();
    for round in 0..10_u64 {
        let mut first = First::start(&directory.file());
        // At another place in its work each time.
        for _ in 0..=round * 3 {
            durable.push(first.next());
        }
        durable.extend(first.kill());
        let store = SqliteStore::open(directory.file()).await.expect("the lock is gone with its holder");
        for saga in &durable {
            assert!(store.load(*saga).await.unwrap().len() >= 2, "{saga} was durable");
        }
        let worker = WorkerId::new();
        store.heartbeat(&Beat::new(worker, Duration::from_hours(1))).await.unwrap();
        let claim = Claim { worker, definitions: None, limit: 100_000 };
        let free = store.claim(&claim).await.unwrap();
        assert!(
            durable.iter().all(|saga| free.contains(saga)),
            "all are free at once, whatever their leases"
        );
    }
    println!("what_a_killed_process_said_is_durable_is_there_and_free ... ok ({} sagas)", durable.len());
}
