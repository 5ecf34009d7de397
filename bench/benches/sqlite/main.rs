//! Durable sagas on SQLite (`synchronous=FULL`), beside the floor, and beside one commit for each append.

use std::path::{Path, PathBuf};

use saga::Coordinator;
use saga_bench::drive::{coordinator, drive};
use saga_bench::four_steps::{FourSteps, Parcel};
use saga_bench::measure::{Contender, bar, compete, print};
use saga_bench::one_by_one::OneByOne;
use saga_sqlite::{SqliteOptions, SqliteStore};
use tokio::runtime::Builder;

mod floor;

const CALLERS: u32 = 64;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let folder = Folder::new();
    let store = |name: &str| {
        let options = SqliteOptions::new(folder.file(name));
        runtime.block_on(options.open()).expect("a file in a fresh folder")
    };
    let ours = runtime.block_on(coordinator(store("ours")));
    let single = runtime.block_on(coordinator(OneByOne::new(store("one-by-one"), 1)));
    let floor = floor::begin(&runtime, &folder.file("floor"));

    let figures = compete(
        7,
        vec![
            Contender::new("the floor, 64 tasks", 6_400, |units| {
                runtime.block_on(floor.write(CALLERS, units));
            }),
            Contender::new("sagas, 64 callers", 6_400, |units| {
                runtime.block_on(drive(&ours, CALLERS, units));
            }),
            Contender::new("sagas, 64 callers, a commit for each append", 640, |units| {
                runtime.block_on(drive(&single, CALLERS, units));
            }),
            Contender::new("the floor, one task", 300, |units| runtime.block_on(floor.write(1, units))),
            Contender::new("sagas, one caller", 300, |units| runtime.block_on(drive(&ours, 1, units))),
        ],
    );
    print(
        "Four steps that return 200 bytes, on SQLite with synchronous=FULL: the time of one saga",
        &figures,
    );

    let [floor_many, many, each, floor_one, one] = &figures[..] else { return };
    println!();
    let gain = many.per_second() / each.per_second();
    bar(
        "64 callers, at least 10 times one commit for each append",
        gain >= 10.0,
        &format!("{gain:.1} times"),
    );
    let share = many.per_second() / floor_many.per_second();
    bar("64 callers, at least 0.7 of the floor", share >= 0.7, &format!("{share:.2}"));
    let latency = one.median.as_secs_f64() / floor_one.median.as_secs_f64();
    bar(
        "one caller, at most 1.25 times the floor's latency",
        latency <= 1.25,
        &format!("{latency:.2} times"),
    );
    for (name, coordinator) in [("shared", &ours), ("one by one", &single)] {
        let metrics = coordinator.metrics();
        let sagas = metrics.sagas_completed;
        println!("         {name}: {sagas} sagas, {} appends, {} commits", metrics.appends, metrics.commits);
        assert_eq!(metrics.appends, 5 * sagas, "N + 1 appends");
    }
}

/// A folder that goes with the run.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("saga-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name).with_extension("db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The rows that one saga leaves on SQLite, as the floor writes them again.
async fn leave_a_saga(path: &Path) {
    let store = SqliteStore::open(path).await.expect("a file in a fresh folder");
    let coordinator =
        Coordinator::builder(store).saga(FourSteps).build().await.expect("an open store answers");
    let handle = coordinator.start::<FourSteps>(Parcel::new(0)).await.expect("a start");
    handle.outcome().await.expect("an outcome");
    coordinator.shutdown().await;
}
