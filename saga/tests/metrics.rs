//! What the recorder of the `metrics` crate hears of a counted run.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use saga::policy::{minutes, secs};
use saga::{Coordinator, MemoryStore, SagaState, StepError, saga, step};

/// Does what it is told to. Each attempt takes a second of the paused clock.
#[saga(steps(tidy -> act(input)))]
struct Acting;

#[step(compensate = mess, compensation(retry = no_retry()))]
async fn tidy(_saga: &Acting, what: &String) -> Result<String, StepError> {
    tokio::time::sleep(secs(1)).await;
    Ok(what.clone())
}

async fn mess(_saga: &Acting, what: &String) -> Result<(), StepError> {
    tokio::time::sleep(secs(1)).await;
    if what == "sticks" { Err(StepError::permanent("glue")) } else { Ok(()) }
}

#[step(compensate = none, retry = fixed(2, secs(1)), verify = look)]
async fn act(cx: &saga::StepContext<Acting>, what: &String) -> Result<(), StepError> {
    tokio::time::sleep(secs(1)).await;
    match what.as_str() {
        "stumbles" if cx.attempt() == 1 => Err(StepError::transient("busy")),
        "is found" => Err(StepError::in_doubt("no answer")),
        "is refused" | "sticks" => Err(StepError::business("NO", "no")),
        "breaks" => Err(StepError::permanent("broken")),
        "dawdles" => std::future::pending().await,
        _ => Ok(()),
    }
}

async fn look(_cx: &saga::StepContext<Acting>, what: &String) -> Result<Option<()>, StepError> {
    tokio::time::sleep(secs(1)).await;
    Ok((what == "is found").then_some(()))
}

/// What a recorder heard: counters and gauges by `name{label=value,..}`, histograms by count and sum.
struct Heard(BTreeMap<String, (f64, usize)>);

impl Heard {
    fn from(snapshotter: &Snapshotter) -> Self {
        let heard = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let key = key.key();
            let mut labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            labels.sort();
            let value = match value {
                DebugValue::Counter(count) => (f64::from(u32::try_from(count).unwrap()), 1),
                DebugValue::Gauge(value) => (value.into_inner(), 1),
                DebugValue::Histogram(values) => {
                    (values.iter().map(|value| value.into_inner()).sum(), values.len())
                }
            };
            (format!("{}{{{}}}", key.name(), labels.join(",")), value)
        });
        Self(heard.collect())
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.keys().map(|key| key.split('{').next().unwrap()).collect();
        names.dedup();
        names
    }

    /// The value of exactly this series.
    #[track_caller]
    fn of(&self, series: &str) -> f64 {
        self.0.get(series).unwrap_or_else(|| panic!("{series} is not among {:#?}", self.0)).0
    }

    #[track_caller]
    fn values_of(&self, series: &str) -> usize {
        self.of(series);
        self.0[series].1
    }

    /// The series of this name that are not zero, and have these labels, by the others.
    fn above_zero(&self, name: &str) -> Vec<(&str, f64)> {
        let of_name = self.0.iter().filter(|(key, _)| key.split('{').next() == Some(name));
        of_name
            .filter(|(_, value)| value.0 != 0.0)
            .map(|(key, value)| (&key[name.len()..], value.0))
            .collect()
    }
}

/// Runs sagas that do these things, one after the other, and says what the recorder heard.
fn run(whats: &[&str]) -> (Heard, saga::Metrics) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let metrics = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let builder = Coordinator::builder(MemoryStore::new()).saga(Acting).saga_timeout(minutes(1));
            let coordinator = builder.step_timeout(minutes(10)).build().await.unwrap();
            for what in whats {
                let saga = coordinator.start::<Acting>((*what).to_owned()).await.unwrap();
                let state = saga.outcome().await.unwrap().state();
                assert_eq!(state == SagaState::Stuck, *what == "sticks", "{what}");
            }
            coordinator.shutdown().await;
            coordinator.metrics()
        })
    });
    (Heard::from(&snapshotter), metrics)
}

const ALL: [&str; 8] =
    ["works", "works", "stumbles", "is refused", "breaks", "is found", "sticks", "dawdles"];

#[test]
fn sagas_are_counted_by_definition_and_end() {
    let (heard, metrics) = run(&ALL);
    assert_eq!(heard.of("saga_sagas_started_total{definition=acting}"), 8.0);
    assert_eq!(
        heard.above_zero("saga_sagas_ended_total"),
        [
            ("{definition=acting,state=compensated}", 2.0),
            ("{definition=acting,state=completed}", 4.0),
            ("{definition=acting,state=timed_out}", 1.0),
        ]
    );
    assert_eq!(heard.of("saga_sagas_stuck_total{definition=acting}"), 1.0);
    assert_eq!(heard.of("saga_sagas_active{}"), 0.0);
    assert_eq!((metrics.sagas_started, metrics.sagas_ended(), metrics.sagas_stuck), (8, 7, 1));
}

#[test]
fn sagas_that_no_live_worker_knows_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let metrics = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let store = Arc::new(MemoryStore::new());
            let starter = Coordinator::builder_shared(store.clone()).saga(Acting).build().await.unwrap();
            for _ in 0..3 {
                let later = saga::StartOptions::new().delay(minutes(2));
                starter.start_with::<Acting>("works".to_owned(), later).await.unwrap();
            }
            starter.shutdown().await;
            let coordinator = Coordinator::builder_shared(store).build().await.unwrap();
            tokio::time::sleep(secs(31)).await;
            coordinator.metrics()
        })
    });
    assert_eq!(Heard::from(&snapshotter).of("saga_sagas_unknown{}"), 3.0);
    assert_eq!(metrics.sagas_unknown, 3);
}

#[test]
fn attempts_are_counted_by_step_task_and_outcome() {
    let (heard, _) = run(&ALL);
    assert_eq!(
        heard.above_zero("saga_step_attempts_total"),
        [
            ("{definition=acting,outcome=absent,step=act,task=verify}", 1.0),
            ("{definition=acting,outcome=business,step=act,task=execute}", 2.0),
            ("{definition=acting,outcome=done,step=act,task=execute}", 3.0),
            ("{definition=acting,outcome=done,step=act,task=verify}", 1.0),
            ("{definition=acting,outcome=done,step=tidy,task=compensate}", 3.0),
            ("{definition=acting,outcome=done,step=tidy,task=execute}", 8.0),
            ("{definition=acting,outcome=in_doubt,step=act,task=execute}", 3.0),
            ("{definition=acting,outcome=permanent,step=act,task=execute}", 1.0),
            ("{definition=acting,outcome=permanent,step=tidy,task=compensate}", 1.0),
            ("{definition=acting,outcome=transient,step=act,task=execute}", 1.0),
        ]
    );
    assert_eq!(
        heard.above_zero("saga_step_retries_total"),
        [("{definition=acting,step=act,task=execute}", 3.0)]
    );
    assert_eq!(heard.above_zero("saga_steps_dropped_total"), [("{definition=acting,step=act}", 1.0)]);
}

#[test]
fn durations_are_those_of_the_clock() {
    let (heard, _) = run(&["works", "works"]);
    let sagas = "saga_saga_duration_seconds{definition=acting,state=completed}";
    assert_eq!((heard.values_of(sagas), heard.of(sagas).round()), (2, 4.0));
    let attempts = "saga_step_attempt_duration_seconds{definition=acting,step=act,task=execute}";
    assert_eq!((heard.values_of(attempts), heard.of(attempts).round()), (2, 2.0));
}

#[test]
fn appends_are_counted_like_in_the_snapshot() {
    let (heard, metrics) = run(&ALL);
    assert!(metrics.appends > 0);
    let counted = f64::from(u32::try_from(metrics.appends).unwrap());
    assert_eq!(heard.of("saga_appends_total{}"), counted);
    assert_eq!(heard.of("saga_commit_appends{}"), counted);
    assert_eq!(heard.of("saga_commits_total{}"), f64::from(u32::try_from(metrics.commits).unwrap()));
    assert_eq!(heard.values_of("saga_commit_duration_seconds{}") as u64, metrics.commits);
}

#[test]
fn every_metric_of_the_list_is_there_from_the_beginning() {
    let listed =
        include_str!("../../docs/metrics.md").lines().filter_map(|line| line.strip_prefix("| `saga_"));
    let mut listed: Vec<_> = listed.map(|row| format!("saga_{}", row.split('`').next().unwrap())).collect();
    listed.sort();
    assert_eq!(run(&[]).0.names(), listed);
}
