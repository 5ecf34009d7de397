//! One worker of a fleet: it drives shipments, and does what it is told on its standard input, a line a command. What
//! comes of it is a line on its standard output. It ends where its input does, so that it outlives no test.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use saga::policy::{millis, minutes, secs};
use saga::{Coordinator, OutcomeError, SagaHandle, StartOptions};
use saga_fleet_tests::Kind;
use saga_tests::outside::Outside;
use saga_tests::shipment::{Course, Shipment};
use tokio::sync::mpsc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "fleet_worker <kind> <url> <name> <world> <lease> <poll> <moment> <places>, times in ms";

/// More commands than any test gives at once.
const COMMANDS_MAX: usize = 10_000;

fn main() -> Result<(), BoxError> {
    let (commands, told) = mpsc::channel(COMMANDS_MAX);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if commands.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let worked = runtime.block_on(work(told));
    // The thread above may wait for its next line for ever.
    runtime.shutdown_background();
    worked
}

async fn work(mut commands: mpsc::Receiver<String>) -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, name, world, lease, poll, moment, places] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let kind = Kind::of_name(kind).ok_or(USAGE)?;
    let time = |text: &String| text.parse().map(Duration::from_millis);
    let store = loop {
        match kind.open(url, name).await {
            Ok(store) => break store,
            // Servers come and go here.
            Err(saga::StoreError::Unavailable { .. }) => {
                tokio::time::sleep(millis(20)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let coordinator = loop {
        let outside = Outside::open(&PathBuf::from(world), name.as_str())?;
        let shipment = Shipment { outside, moment: time(moment)? };
        let builder = Coordinator::builder_shared(Arc::clone(&store)).saga(shipment);
        let builder = builder.lease(time(lease)?).poll_interval(time(poll)?).shutdown_timeout(secs(1));
        let builder = builder.max_concurrent_sagas(places.parse()?).acquire_timeout(minutes(2));
        // As long as it works, it makes progress: how often it is killed says nothing about its sagas.
        match builder.fruitless_claims_max(1_000).build().await {
            Ok(coordinator) => break coordinator,
            Err(saga::BuildError::Store(saga::StoreError::Unavailable { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    };
    say(&format!("ready {}", coordinator.worker()));
    while let Some(command) = commands.recv().await {
        let words: Vec<&str> = command.split(' ').collect();
        match *words {
            ["start", number] => {
                tokio::spawn(start(coordinator.clone(), number.parse()?, Duration::ZERO));
            }
            ["start", number, delay] => {
                tokio::spawn(start(coordinator.clone(), number.parse()?, millis(delay.parse()?)));
            }
            ["outcome", saga] => {
                let (handle, name) = (coordinator.handle::<Shipment>(saga.parse()?), saga.to_owned());
                tokio::spawn(async move { tell_end(handle, &name).await });
            }
            ["cancel", saga] => {
                say_of("cancel", saga, coordinator.cancel(saga.parse()?, "as the test wants").await);
            }
            ["retry", saga] => say_of("retry", saga, coordinator.retry(saga.parse()?).await),
            ["active"] => say(&format!("active {}", coordinator.metrics().sagas_active)),
            ["shutdown"] => {
                let report = coordinator.shutdown().await;
                say(&format!("shutdown {} {}", report.drained, report.handed_over));
                return Ok(());
            }
            _ => return Err(format!("an unknown command: `{command}`").into()),
        }
    }
    Ok(())
}

async fn start(coordinator: Coordinator, number: usize, delay: Duration) {
    let options = StartOptions::new().key(number.to_string()).delay(delay);
    match coordinator.start_with::<Shipment>(Course::of(number), options).await {
        Ok(handle) => {
            say(&format!("started {number} {}", handle.id()));
            tell_end(handle, &number.to_string()).await;
        }
        Err(error) => say(&format!("refused {number} {error}")),
    }
}

/// Waits for the end of a saga, whoever drives it, for as long as its store can't be read too.
async fn tell_end(handle: SagaHandle<Shipment>, name: &str) {
    let state = loop {
        match handle.outcome().await {
            Ok(outcome) => break outcome.state().to_string(),
            Err(OutcomeError::Store(_)) => tokio::time::sleep(millis(50)).await,
            Err(error) => break format!("unknown: {error}"),
        }
    };
    say(&format!("ended {name} {state}"));
}

fn say_of(what: &str, saga: &str, answer: Result<(), saga::OperateError>) {
    let answer = answer.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
    say(&format!("{what} {saga} {answer}"));
}

/// One line; who would read it may be gone.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{line}");
    _ = out.flush();
}
