//! Three workers under load, and what happens to them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use saga::SagaState;
use saga_tests::shipment::Callers;

use crate::fault::{Fault, Plan, Planned};
use crate::load::{Load, Share};
use crate::verdict::{self, Verdict};
use crate::{Proxy, Server, Worker, WorkerOptions};

/// Workers on one server, each with a way there of its own.
#[derive(Debug)]
pub struct Fleet {
    pub(crate) server: Server,
    options: WorkerOptions,
    places: Vec<Place>,
    load: Load,
    /// The name of each worker there ever was.
    callers: Callers,
    faults: BTreeMap<Fault, usize>,
}

/// Where one worker runs; if it dies, another does.
#[derive(Debug)]
struct Place {
    proxy: Proxy,
    worker: Worker,
    share: Share,
    /// When it is woken, if it stands still.
    wakes_at: Option<Instant>,
}

const WORKERS: usize = 3;

/// Between two starts.
const TICK: Duration = Duration::from_millis(15);

/// A worker that waits for so many sagas gets no more.
const SHARE_MAX: usize = 60;

/// A cut that met no commit for so long did not happen.
const CUT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long everything may take to come to its end after the last fault.
const END_TIMEOUT: Duration = Duration::from_secs(90);

/// Lets so many faults of a seed's plan happen to a fleet, waits for all to end, and judges.
///
/// # Panics
///
/// Where something is wrong.
pub async fn withstand(server: Server, options: WorkerOptions, seed: u64, faults: usize) {
    println!("SAGA_FLEET_SEED={seed} SAGA_FLEET_FAULTS={faults} on {}", server.kind().name());
    let started = Instant::now();
    let mut fleet = Fleet::start(server, options).await;
    let mut plan = Plan::new(seed);
    while fleet.faults.values().sum::<usize>() < faults {
        let planned = plan.next().expect("it has no end");
        fleet.work_for(planned.pause).await;
        fleet.suffer(planned).await;
    }
    let faulty_for = started.elapsed();
    let (verdict, faults) = fleet.end().await;
    for (fault, count) in faults {
        println!("{count:>6} x {fault}");
    }
    println!("{verdict}\n{faulty_for:.0?} of faults, {:.0?} in all", started.elapsed());
    verdict.expect_good();
}

impl Fleet {
    /// Starts the workers.
    pub async fn start(server: Server, options: WorkerOptions) -> Self {
        let (load, callers, faults) = (Load::default(), Callers::new(), BTreeMap::new());
        let mut fleet = Self { server, options, places: Vec::new(), load, callers, faults };
        for _ in 0..WORKERS {
            let proxy = Proxy::start(fleet.server.port()).await.expect("a port is free");
            let worker = fleet.worker(&proxy).await;
            fleet.places.push(Place { proxy, worker, share: Share::default(), wakes_at: None });
        }
        fleet
    }

    async fn worker(&mut self, proxy: &Proxy) -> Worker {
        let worker = Worker::start(&self.options, &self.server.kind().url(proxy.port())).await;
        self.callers.insert(worker.id, worker.name.clone());
        worker
    }

    /// Starts sagas for this time, and wakes whoever's time it is.
    async fn work_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            self.hear();
            self.give();
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep(TICK.min(until - Instant::now())).await;
        }
    }

    fn hear(&mut self) {
        for place in &mut self.places {
            if place.wakes_at.is_some_and(|at| at <= Instant::now()) {
                place.worker.wake();
                place.wakes_at = None;
            }
            for told in place.worker.heard() {
                self.load.hear(&mut place.share, told);
            }
        }
    }

    /// One start more, for whom waits for the fewest sagas.
    fn give(&mut self) {
        let awake = self.places.iter_mut().filter(|place| place.wakes_at.is_none());
        if let Some(place) = awake.min_by_key(|place| place.share.len())
            && place.share.len() < SHARE_MAX
        {
            let number = self.load.give(&mut place.share);
            place.worker.tell(&format!("start {number}"));
        }
    }

    async fn suffer(&mut self, planned: Planned) {
        let fault = planned.fault;
        let has_happened = match fault {
            Fault::Kill => self.kill(planned.victim).await,
            Fault::Stop => self.stop(planned).await,
            Fault::EndConnections => {
                let name = &self.places[planned.victim].worker.name;
                self.server.end_connections(name).await > 0
            }
            Fault::RestartServer => {
                self.server.restart();
                true
            }
            Fault::CutBeforeTheCommit | Fault::CutBeforeTheAnswer => self.cut(planned).await,
        };
        if has_happened {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    async fn kill(&mut self, victim: usize) -> bool {
        let worker = {
            let proxy = Proxy::start(self.server.port()).await.expect("a port is free");
            let worker = self.worker(&proxy).await;
            let place = &mut self.places[victim];
            // A worker that stands still is killed too.
            place.wakes_at = None;
            place.proxy = proxy;
            std::mem::replace(&mut place.worker, worker)
        };
        let place = &mut self.places[victim];
        let mut share = std::mem::take(&mut place.share);
        for told in worker.kill().await {
            self.load.hear(&mut share, told);
        }
        self.load.lose(share);
        true
    }

    /// Of three, one goes on.
    async fn stop(&mut self, planned: Planned) -> bool {
        while self.places.iter().filter(|place| place.wakes_at.is_some()).count() + 1 >= WORKERS {
            self.work_for(TICK).await;
        }
        let awake = (0..WORKERS).map(|more| (planned.victim + more) % WORKERS);
        let victim = awake.into_iter().find(|at| self.places[*at].wakes_at.is_none());
        let place = &mut self.places[victim.expect("one is awake")];
        place.worker.stop();
        place.wakes_at = Some(Instant::now() + self.options.lease + planned.overdue);
        true
    }

    async fn cut(&mut self, planned: Planned) -> bool {
        let cut = planned.fault.cut().expect("it is one");
        let awake = (0..WORKERS).map(|more| (planned.victim + more) % WORKERS);
        let victim = awake.into_iter().find(|at| self.places[*at].wakes_at.is_none());
        let victim = victim.expect("one is awake");
        let cutting = self.places[victim].proxy.begin_cut(cut);
        let until = Instant::now() + CUT_TIMEOUT;
        while !cutting.has_happened() && Instant::now() < until {
            self.work_for(TICK).await;
        }
        cutting.end()
    }

    /// No more faults: waits until nothing is under way, shuts all down, and judges.
    async fn end(mut self) -> (Verdict, BTreeMap<Fault, usize>) {
        let until = Instant::now() + END_TIMEOUT;
        while !self.load.is_started() || self.places.iter().any(|place| place.share.len() > 0) {
            let waits: Vec<&Share> = self.places.iter().map(|place| &place.share).collect();
            assert!(Instant::now() < until, "after {END_TIMEOUT:?} these are waited for: {waits:?}");
            self.hear();
            if self.load.is_owing() {
                self.give();
            }
            tokio::time::sleep(TICK).await;
        }
        let store = self.server.kind().open(&self.server.url(), "judge").await.expect("the server is up");
        loop {
            let counts = store.counts().await.expect("the server is up");
            let is_under_way = |state: &SagaState| !state.is_ended() && *state != SagaState::Stuck;
            let under_way: u64 =
                counts.iter().filter(|(state, _)| is_under_way(state)).map(|(_, count)| count).sum();
            if under_way == 0 {
                break;
            }
            assert!(Instant::now() < until, "after {END_TIMEOUT:?} not all has ended: {counts:?}");
            tokio::time::sleep(TICK).await;
        }
        for place in self.places {
            place.worker.shut_down().await;
        }
        let verdict = verdict::judge(&*store, &self.options.world, &self.callers, &self.load).await;
        (verdict, self.faults)
    }
}
