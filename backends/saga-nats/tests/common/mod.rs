//! A load of sagas, a broker of a test's own, and a life in which both are killed at random.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use saga::store::BoxFuture;
use saga::testing::{Faults, FaultyStore, Harm, Moment};
use saga::{
    Coordinator, EventFilter, MemoryStore, Publisher, SagaFilter, SagaId, StepError, Store, saga, step,
};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// An order whose second step fails for some.
#[derive(Clone)]
#[saga(steps(reserve -> charge -> send), retry = no_retry())]
pub struct Order;

/// An order of this number fails with a long message.
pub const VERBOSE: u32 = 4_000_000;

#[step(compensate = release)]
async fn reserve(_: &Order, number: &u32) -> Result<u32, StepError> {
    tokio::task::yield_now().await;
    Ok(*number)
}

async fn release(_: &Order, _: &u32) -> Result<(), StepError> {
    Ok(())
}

#[step(compensate = none)]
async fn charge(_: &Order, number: &u32) -> Result<u32, StepError> {
    match *number {
        VERBOSE => Err(StepError::business("DECLINED", "x".repeat(3_000))),
        number if number % 5 == 3 => Err(StepError::business("DECLINED", "no funds")),
        number => Ok(number),
    }
}

#[step(compensate = none)]
async fn send(_: &Order, _: &u32) -> Result<(), StepError> {
    Ok(())
}

/// Returns once that many sagas have ended and all cursors have passed all events.
pub async fn settled(coordinator: &Coordinator, count: usize) {
    let settling = async {
        loop {
            let sagas = coordinator.list(SagaFilter::new().limit(1_000)).await.unwrap().sagas;
            let cursors = coordinator.publisher_cursors().await.unwrap();
            let is_done = sagas.len() >= count && sagas.iter().all(|saga| saga.state.is_ended());
            if is_done && !cursors.is_empty() && cursors.iter().all(|cursor| cursor.behind == 0) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(Duration::from_secs(120), settling).await.is_err() {
        let (cursors, status) = (coordinator.publisher_cursors().await, coordinator.publishers());
        panic!("not settled: {cursors:?}, {status:?}");
    }
}

/// A server of this test's own, in a folder of its own, gone with it.
pub struct Server {
    folder: PathBuf,
    port: u16,
    command: Box<dyn Fn(&Path, u16) -> Command + Send + Sync>,
    child: Option<Child>,
}

impl Server {
    pub fn new(command: impl Fn(&Path, u16) -> Command + Send + Sync + 'static) -> Self {
        let folder = std::env::temp_dir().join(format!("saga-broker-{}", SagaId::new()));
        std::fs::create_dir_all(&folder).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { folder, port, command: Box::new(command), child: None }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn start(&mut self) {
        let mut command = (self.command)(&self.folder, self.port);
        // Some are a script that starts the server: all of them go together.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
        for _ in 0..1_200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the broker does not listen on port {}", self.port);
    }

    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill_group(&child);
            child.wait().await.unwrap();
        }
    }
}

/// Kills a server and all that it started.
fn kill_group(child: &Child) {
    if let Some(group) = child.id() {
        _ = std::process::Command::new("kill").args(["-9", "--", &format!("-{group}")]).status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            kill_group(child);
        }
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs sagas while the broker is killed and started again, and publishers die as they move their cursor; then one
/// publishes in peace. What the broker has is to be looked at while the server is there.
pub async fn in_chaos<P: Publisher>(
    mut server: Server,
    rounds: usize,
    connect: impl Fn() -> BoxFuture<'static, P>,
) -> (Server, Arc<dyn Store>) {
    let seed = std::env::var("SAGA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("SAGA_SEED={seed}");
    let mut state = seed;
    let mut dice = move |upto: u64| {
        // Steele and others, "Fast splittable pseudorandom number generators": its increment.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % upto
    };
    let kept: Arc<dyn Store> = Arc::new(MemoryStore::new());
    server.start().await;
    for _ in 0..rounds {
        let faults = Faults::none();
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(Arc::clone(&kept), faults.clone()));
        let builder = Coordinator::builder_shared(store).saga(Order).lease(Duration::from_millis(500));
        let builder = builder.publish("broker", connect().await, EventFilter::all());
        let coordinator = builder.build().await.unwrap();
        let is_broker_killed = dice(4) > 0;
        for part in 0..2 {
            let starting = async {
                for number in 0..10 {
                    _ = coordinator.start::<Order>(number).await;
                }
            };
            // A dead process starts nothing.
            _ = timeout(Duration::from_secs(2), starting).await;
            sleep(Duration::from_millis(dice(200))).await;
            if is_broker_killed && part == 0 {
                server.kill().await;
                sleep(Duration::from_millis(dice(300))).await;
                server.start().await;
            }
            if part == 0 {
                let moment = if dice(2) == 0 { Moment::Before } else { Moment::After };
                faults.fail_next("advance the cursor", moment, Harm::Death);
            }
        }
        sleep(Duration::from_millis(dice(500))).await;
    }
    let builder = Coordinator::builder_shared(Arc::clone(&kept)).saga(Order);
    let coordinator = builder.publish("broker", connect().await, EventFilter::all()).build().await.unwrap();
    settled(&coordinator, 1).await;
    (server, kept)
}
