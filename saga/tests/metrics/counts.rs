//! Counters and durations.

use std::sync::Arc;

use saga::policy::{minutes, secs};
use saga::store::{Beat, Claim, JournalStore as _, QueryStore as _};
use saga::{
    Coordinator, EventFilter, EventType, MemoryStore, SagaState, StartOptions, StepError, WorkerId, saga,
    step,
};

use super::acting::Acting;
use super::heard::{Heard, hear};

/// Runs sagas that do these things, one after the other, and says what the recorder heard.
fn run(whats: &[&str]) -> (Heard, saga::Metrics) {
    hear(async || {
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
    assert_eq!((metrics.sagas_started, metrics.sagas_ended(), metrics.sagas_stuck), (8, 7, 1));
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
    assert_eq!(heard.of("saga_commits_total{}"), f64::from(u32::try_from(metrics.commits).unwrap()));
    // The memory store gathers none.
    assert_eq!(heard.values_of("saga_commit_appends{}"), 0);
    assert_eq!(heard.values_of("saga_commit_duration_seconds{}"), 0);
}

/// The same saga after a deploy.
mod deployed {
    use super::{StepError, saga, step};

    #[saga(name = "acting", version = 2, steps(other))]
    pub(super) struct Acting;

    #[step(compensate = none)]
    async fn other(_saga: &Acting, _what: &String) -> Result<(), StepError> {
        Ok(())
    }
}

#[test]
fn a_saga_that_is_parked_for_its_definition_is_counted_and_told_as_stuck() {
    let (heard, (metrics, told)) = hear(async || {
        let store = Arc::new(MemoryStore::new());
        let first = Coordinator::builder_shared(store.clone()).saga(Acting).build().await.unwrap();
        let options = StartOptions::new().delay(secs(30)).label("customer", "c-4");
        let saga = first.start_with::<Acting>("works".to_owned(), options).await.unwrap();
        first.shutdown().await;

        let second = Coordinator::builder_shared(store).saga(deployed::Acting).build().await.unwrap();
        let mut events = second.subscribe(EventFilter::all().event_type(EventType::SagaStuck));
        let told = tokio::time::timeout(minutes(2), events.next()).await.expect("it is parked and told");
        let told = told.unwrap().unwrap();
        assert_eq!(told.saga, saga.id());
        second.shutdown().await;
        (second.metrics(), told)
    });
    assert_eq!(heard.of("saga_sagas_stuck_total{definition=acting}"), 1.0);
    assert_eq!((metrics.sagas_stuck, metrics.claims), (1, 1));
    assert_eq!((told.definition_version, told.sequence), (1, 2));
    assert_eq!(told.labels.get("customer").map(String::as_str), Some("c-4"));
    assert!((29..=32).contains(&told.duration().as_secs()), "{:?}", told.duration());
}

#[test]
fn a_drive_that_finds_another_owner_is_a_lease_loss() {
    let (heard, metrics) = hear(async || {
        let store = Arc::new(MemoryStore::new());
        let coordinator = Coordinator::builder_shared(store.clone()).saga(Acting).build().await.unwrap();
        let saga = coordinator.start::<Acting>("works".to_owned()).await.unwrap();
        let own = store.workers().await.unwrap()[0].worker;
        store.retire(own).await.unwrap();
        let other = WorkerId::new();
        store.heartbeat(&Beat::new(other, minutes(1))).await.unwrap();
        let claim = Claim { worker: other, definitions: None, limit: 9 };
        assert_eq!(store.claim(&claim).await.unwrap(), [saga.id()]);
        // It comes to its next append within this time, and gets the saga back once the other is gone.
        tokio::time::sleep(secs(5)).await;
        store.retire(other).await.unwrap();
        assert_eq!(saga.outcome().await.unwrap().state(), SagaState::Completed);
        coordinator.shutdown().await;
        coordinator.metrics()
    });
    assert_eq!((heard.of("saga_lease_losses_total{}"), metrics.lease_losses), (1.0, 1));
    assert_eq!((heard.of("saga_claims_total{}"), metrics.claims), (1.0, 1));
}

#[test]
fn every_metric_of_the_list_is_there_from_the_beginning() {
    let listed =
        include_str!("../../../docs/metrics.md").lines().filter_map(|line| line.strip_prefix("| `saga_"));
    let mut listed: Vec<_> = listed.map(|row| format!("saga_{}", row.split('`').next().unwrap())).collect();
    listed.sort();
    let (heard, ()) = hear(async || {
        let builder = Coordinator::builder(MemoryStore::new()).saga(Acting);
        let broker = super::publishers::Broker::default();
        builder.publish("broker", broker, EventFilter::all()).build().await.unwrap();
    });
    assert_eq!(heard.names(), listed);
}
