//! Three workers on one PostgreSQL: one is killed before your eyes, and the others finish its orders.
//!
//! The program starts three copies of itself, places orders with each of them, and kills the first with SIGKILL while
//! it works. Nothing of ours runs beside them: each finds out by itself, from the database, that the dead one's lease
//! has run out, and goes on where its orders stood.
//!
//! ```text
//! cargo run --example fleet
//! SAGA_POSTGRES_URL=postgres://me:secret@db/shop cargo run --example fleet
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use saga::policy::{millis, secs};
use saga::store::QueryStore as _;
use saga::{Coordinator, SagaFilter, SagaId, SagaState, StepError, saga, step};
use saga_postgres::PostgresStore;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An order: goods are reserved, paid, and sent.
#[saga(steps(reserve -> pay -> send))]
struct Order {
    worker: String,
}

#[step(compensate = put_back)]
async fn reserve(order: &Order, number: &u32) -> Result<u32, StepError> {
    order.work("reserves the goods of", *number).await;
    Ok(*number)
}

async fn put_back(_order: &Order, _number: &u32) -> Result<(), StepError> {
    Ok(())
}

#[step(pivot)]
async fn pay(order: &Order, number: &u32) -> Result<u32, StepError> {
    order.work("charges the card of", *number).await;
    Ok(*number)
}

#[step(retriable)]
async fn send(order: &Order, number: &u32) -> Result<String, StepError> {
    order.work("sends", *number).await;
    Ok(format!("parcel {number}, sent by {}", order.worker))
}

impl Order {
    /// Says what it does, and takes its time.
    async fn work(&self, what: &str, number: u32) {
        say(&format!("{what} order {number}"));
        tokio::time::sleep(millis(400)).await;
    }
}

const WORKERS: [&str; 3] = ["Ada", "Bo", "Cy"];

/// Orders for each worker.
const ORDERS: u32 = 4;

/// Short, so that you don't wait long; the default is 15 s.
const LEASE: Duration = secs(2);

/// Where something hangs, the example ends.
const PATIENCE: Duration = secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => watch().await,
        [worker, schema] => work(worker, schema).await,
        _ => Err("usage: fleet".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn url() -> String {
    std::env::var("SAGA_POSTGRES_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

/// One worker: any number of these share the orders.
async fn work(worker: &str, schema: &str) -> Result<(), BoxError> {
    let store = PostgresStore::builder(url()).schema(schema).open().await?;
    let coordinator = Coordinator::builder(store)
        .saga(Order { worker: worker.to_owned() })
        .lease(LEASE)
        .poll_interval(millis(500))
        .build()
        .await?;
    tokio::spawn(tell_of_takeovers(coordinator.clone()));
    say("is ready");
    // The orders come line by line, and the end of them is the end of the day.
    let (sender, mut orders) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(number) = orders.recv().await {
        coordinator.start::<Order>(number.parse()?).await?;
    }
    coordinator.shutdown().await;
    Ok(())
}

async fn tell_of_takeovers(coordinator: Coordinator) {
    let mut before = 0;
    loop {
        let now = coordinator.metrics().claims;
        if now > before {
            say(&format!("takes {} orders over", now - before));
            before = now;
        }
        tokio::time::sleep(millis(20)).await;
    }
}

/// A line for the parent, which says who says so.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A worker's process.
struct Worker {
    process: Child,
    orders: Option<ChildStdin>,
}

impl Worker {
    fn start(
        name: &'static str,
        schema: &str,
        told: &Sender<(&'static str, String)>,
    ) -> Result<Self, BoxError> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([name, schema])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (orders, out) = (process.stdin.take(), process.stdout.take().expect("it is piped"));
        let told = told.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                _ = told.send((name, line));
            }
        });
        Ok(Self { process, orders })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Starts the workers, kills one, and sees that all orders end.
async fn watch() -> Result<(), BoxError> {
    let schema = format!("fleet_{}", SagaId::new());
    let store = PostgresStore::builder(url()).schema(&schema).open().await.map_err(|error| {
        format!("{error}\nThis example needs a PostgreSQL: `docker compose up -d` starts one, SAGA_POSTGRES_URL names another.")
    })?;
    let watched = watch_workers(&store, &schema).await;
    drop(store);
    let (client, connection) = tokio_postgres::connect(&url(), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await?;
    connection.abort();
    watched
}

async fn watch_workers(store: &PostgresStore, schema: &str) -> Result<(), BoxError> {
    let started = Instant::now();
    let print =
        |who: &str, what: &str| println!("{:5.1} s  {who:<4} {what}", started.elapsed().as_secs_f64());
    let (sender, told) = channel();
    let mut workers = BTreeMap::new();
    for name in WORKERS {
        workers.insert(name, Worker::start(name, schema, &sender)?);
    }
    hear(&told, WORKERS.len(), "is ready", print)?;
    for (number, name) in (1..).zip(WORKERS.iter().cycle().take(WORKERS.len() * ORDERS as usize)) {
        let worker = workers.get_mut(name).expect("all are there");
        writeln!(worker.orders.as_mut().expect("it takes orders"), "{number}")?;
    }
    // In the middle of its work: some of its cards are being charged.
    hear(&told, ORDERS as usize, "charges the card", print)?;
    drop(workers.remove(WORKERS[0]));
    print(WORKERS[0], "IS KILLED; its lease runs out in two seconds");

    let orders = WORKERS.len() * ORDERS as usize;
    loop {
        for (name, line) in told.try_iter() {
            print(name, &line);
        }
        let done = SagaFilter::new().state(SagaState::Completed);
        let done = store.list(&done).await?.sagas.len();
        if done == orders {
            break;
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("only {done} of {orders} orders are done").into());
        }
        tokio::time::sleep(millis(50)).await;
    }
    println!("\nall {orders} orders are done, by {} workers", workers.len());
    for worker in workers.values_mut() {
        // No more orders: it shuts down.
        drop(worker.orders.take());
        worker.process.wait()?;
    }
    Ok(())
}

/// Prints what the workers say, until so many lines say this.
fn hear(
    told: &Receiver<(&'static str, String)>,
    count: usize,
    text: &str,
    print: impl Fn(&str, &str),
) -> Result<(), BoxError> {
    let mut left = count;
    while left > 0 {
        match told.recv_timeout(PATIENCE) {
            Ok((name, line)) => {
                print(name, &line);
                left -= usize::from(line.contains(text));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err("a worker did not come up".into());
            }
        }
    }
    Ok(())
}
