//! Workers on a server of a test's own, and the store that they share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use saga::machine::{Event, Record};
use saga::{SagaFilter, SagaId, SagaInstance, Store, Timestamp, WorkerId};
use saga_fleet_tests::{Kind, Server, Told, Worker, WorkerOptions};
use saga_tests::Folder;
use saga_tests::outside::{Accounts, accounts};
use saga_tests::shipment::{Callers, Course, wrong};

pub(crate) struct Crew {
    pub(crate) options: WorkerOptions,
    pub(crate) store: Arc<dyn Store>,
    callers: Callers,
    server: Server,
    _folder: Folder,
}

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn options(kind: Kind, folder: &Folder) -> WorkerOptions {
    WorkerOptions {
        program: env!("CARGO_BIN_EXE_fleet_worker").into(),
        kind,
        world: folder.file("world"),
        lease: Duration::from_secs(2),
        poll: Duration::from_millis(500),
        moment: Duration::from_millis(5),
        places: 1_024,
    }
}

impl Crew {
    pub(crate) async fn new(kind: Kind) -> Self {
        let folder = Folder::new();
        let server = Server::start(kind);
        let store = kind.open(&server.url(), "judge").await.unwrap();
        let options = options(kind, &folder);
        Self { options, store, callers: Callers::new(), server, _folder: folder }
    }

    /// A worker whose steps take so long before a call, and after it.
    pub(crate) async fn worker(&mut self, moment: Duration) -> Worker {
        let options = WorkerOptions { moment, ..self.options.clone() };
        self.worker_with(&options).await
    }

    pub(crate) async fn worker_with(&mut self, options: &WorkerOptions) -> Worker {
        let worker = Worker::start(options, &self.server.url()).await;
        self.callers.insert(worker.id, worker.name.clone());
        worker
    }

    pub(crate) async fn now(&self) -> Timestamp {
        self.store.ping().await.unwrap()
    }

    pub(crate) async fn instance(&self, saga: SagaId) -> SagaInstance {
        self.store.instance(saga).await.unwrap().unwrap()
    }

    /// All sagas.
    pub(crate) async fn sagas(&self) -> Vec<SagaInstance> {
        let page = self.store.list(&SagaFilter::new().limit(1_000)).await.unwrap();
        assert_eq!(page.next, None);
        page.sagas
    }

    pub(crate) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until each saga rests, and holds it against the world; their journals.
    pub(crate) async fn judged(&self) -> BTreeMap<SagaId, Vec<Record>> {
        self.until("all sagas rest", async || {
            self.sagas().await.iter().all(|saga| saga.owner.is_none() && saga.wake_at.is_none())
        })
        .await;
        let accounts = self.accounts();
        let mut journals = BTreeMap::new();
        for saga in self.sagas().await {
            let journal = self.store.load(saga.id).await.unwrap();
            let course = Course::of(saga.key.as_deref().unwrap().parse().unwrap());
            let wrong = wrong(course, saga.id, &journal, &accounts, &self.callers);
            assert!(wrong.is_empty(), "{course:?} {}: {wrong:#?}\n{}", saga.id, lines(&journal));
            journals.insert(saga.id, journal);
        }
        journals
    }

    pub(crate) fn accounts(&self) -> Accounts {
        accounts(&self.options.world).unwrap()
    }
}

/// Starts so many sagas that go well, and returns their ids once all are recorded.
pub(crate) async fn start(
    worker: &mut Worker,
    numbers: std::ops::Range<usize>,
    delay_ms: u64,
) -> Vec<SagaId> {
    let numbers: Vec<usize> = numbers.map(|number| number * Course::ALL.len()).collect();
    for number in &numbers {
        worker.tell(&if delay_ms == 0 {
            format!("start {number}")
        } else {
            format!("start {number} {delay_ms}")
        });
    }
    let mut started = Vec::new();
    while started.len() < numbers.len() {
        match worker.next().await {
            Told::Started(_, saga) => started.push(saga),
            Told::Ended(..) => {}
            other => panic!("{other:?}"),
        }
    }
    started
}

/// Who claimed the saga, and when, in order.
pub(crate) fn claims(journal: &[Record]) -> Vec<(WorkerId, Timestamp)> {
    let claim = |record: &Record| match record.event {
        Event::Claimed { worker } => Some((worker, record.at)),
        _ => None,
    };
    journal.iter().filter_map(claim).collect()
}

/// From one time to another; zero where it is before.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.as_micros() - from.as_micros()).unwrap_or(0))
}

pub(crate) fn lines(journal: &[Record]) -> String {
    journal.iter().map(|record| format!("{record:?}")).collect::<Vec<_>>().join("\n")
}
