//! The program as a shell runs it, beside an application that drives sagas.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod scenario;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saga::policy::{millis, secs};
use saga::store::Store;
use saga::{Coordinator, SagaId, SagaState, StartOptions, StepError, saga, step};
use serde_json::Value;
use tokio::runtime::Runtime;

/// What the program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Each line of its output as a JSON value.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The same, if it ended so.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A store as the command line names it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) space: Option<String>,
}

impl Place {
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["--store", &self.url];
        if let Some(space) = &self.space {
            all.extend(["--space", space]);
        }
        all.extend(arguments);
        run(&all)
    }
}

/// Runs the program with nothing of this process's settings.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saga"));
    command.env_remove("SAGA_STORE").env_remove("SAGA_SPACE").env_remove("NO_COLOR");
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("the program runs");
    Ran {
        code: output.status.code().expect("it was not killed"),
        out: String::from_utf8(output.stdout).expect("it prints UTF-8"),
        err: String::from_utf8(output.stderr).expect("it prints UTF-8"),
    }
}

/// A shop whose stock cannot always be given back.
#[saga(name = "shop", steps(reserve -> pay(reserve, input)))]
pub(crate) struct Shop {
    glue: Arc<AtomicBool>,
}

#[step(compensate = release, compensation(retry = no_retry()))]
async fn reserve(_shop: &Shop, cents: &u64) -> Result<String, StepError> {
    Ok(format!("goods for {cents}"))
}

async fn release(shop: &Shop, _goods: &String) -> Result<(), StepError> {
    if shop.glue.load(Ordering::Relaxed) { Err(StepError::transient("glued to the shelf")) } else { Ok(()) }
}

#[step(pivot, retry = fixed(1, millis(1)))]
async fn pay(_shop: &Shop, _goods: &String, cents: &u64) -> Result<String, StepError> {
    match cents {
        0..1_000 => Ok(format!("receipt over {cents}")),
        _ => Err(StepError::business("TOO_DEAR", "more than the card allows")),
    }
}

/// An application with a coordinator.
pub(crate) struct App {
    runtime: Runtime,
    coordinator: Coordinator,
    glue: Arc<AtomicBool>,
}

impl App {
    pub(crate) fn start(open: impl Future<Output = Arc<dyn Store>>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let glue = Arc::new(AtomicBool::new(true));
        let coordinator = runtime.block_on(async {
            let shop = Shop { glue: Arc::clone(&glue) };
            let builder = Coordinator::builder_shared(open.await).saga(shop);
            builder.poll_interval(millis(50)).lease(secs(6)).build().await.unwrap()
        });
        Self { runtime, coordinator, glue }
    }

    /// A saga that came to rest; how.
    pub(crate) fn saga(&self, cents: u64, customer: &str) -> (SagaId, SagaState) {
        self.runtime.block_on(async {
            let options = StartOptions::new().label("customer", customer);
            let saga = self.coordinator.start_with::<Shop>(cents, options).await.unwrap();
            (saga.id(), saga.outcome().await.unwrap().state())
        })
    }

    /// How a saga comes to rest.
    pub(crate) fn outcome(&self, id: SagaId) -> SagaState {
        self.runtime.block_on(async { self.coordinator.handle::<Shop>(id).outcome().await.unwrap().state() })
    }

    /// Whether the stock can be given back from now on.
    pub(crate) fn glued(&self, is_glued: bool) {
        self.glue.store(is_glued, Ordering::Relaxed);
    }

    /// Returns once nothing of it is left.
    pub(crate) fn stop(self) {
        self.runtime.block_on(self.coordinator.shutdown());
        drop(self.coordinator);
        self.runtime.shutdown_timeout(secs(10));
    }
}
