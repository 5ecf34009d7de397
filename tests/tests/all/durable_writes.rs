//! One durable write a step, and nothing acknowledged, begun or told before it.

use std::sync::Arc;

use saga::policy::{hours, secs};
use saga::testing::{Faults, FaultyStore, Ledger};
use saga::{
    Coordinator, EventFilter, Outcome, SagaFilter, SagaState, StepContext, StepError, Store, saga, step,
};
use saga_tests::journey::Journey;
use saga_tests::order::{OrderProcessing, OrderRequest};
use saga_tests::services::Mood;
use saga_tests::trip::Trip;
use saga_tests::{BACKENDS, lawful_journal, watched_memory};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_saga_of_n_steps_takes_n_plus_one_durable_appends_on_every_store() {
    for backend in BACKENDS {
        let open = (backend.fresh)();
        let coordinator = Coordinator::builder_shared(open().await.unwrap())
            .saga(Trip::new(&Ledger::new()))
            .saga(Journey::new(&Ledger::new()))
            .saga(OrderProcessing::new(&Ledger::new()))
            .build()
            .await
            .unwrap();
        let mut total = 0;
        for (index, steps) in [3, 4, 5].into_iter().enumerate() {
            let (id, state) = match index {
                0 => {
                    let handle = coordinator.start::<Trip>(1).await.unwrap();
                    let state = handle.outcome().await.unwrap().state();
                    lawful_journal::<Trip>(&coordinator, handle.id()).await;
                    (handle.id(), state)
                }
                1 => {
                    let handle = coordinator.start::<Journey>(1).await.unwrap();
                    let state = handle.outcome().await.unwrap().state();
                    lawful_journal::<Journey>(&coordinator, handle.id()).await;
                    (handle.id(), state)
                }
                _ => {
                    let handle = coordinator.start::<OrderProcessing>(OrderRequest { total_amount: 1_200 });
                    let handle = handle.await.unwrap();
                    let state = handle.outcome().await.unwrap().state();
                    lawful_journal::<OrderProcessing>(&coordinator, handle.id()).await;
                    (handle.id(), state)
                }
            };
            assert_eq!(state, SagaState::Completed, "{}: {id}", backend.name);
            total += steps + 1;
            let metrics = coordinator.metrics();
            // Alone, no append waits for another: each is a commit of its own.
            assert_eq!((metrics.appends, metrics.commits), (total, total), "{}, {steps} steps", backend.name);
        }
    }
}

/// Looks into its own journal while its step runs.
#[saga(steps(careless -> careful))]
struct Peeking {
    store: Arc<dyn Store>,
}

async fn latest(cx: &StepContext<Peeking>) -> Result<String, StepError> {
    let journal = cx.store.load(cx.saga_id()).await.map_err(StepError::permanent)?;
    Ok(journal.last().map(|record| record.event.kind().to_owned()).unwrap_or_default())
}

#[step(compensate = none)]
async fn careless(cx: &StepContext<Peeking>, _input: &()) -> Result<String, StepError> {
    latest(cx).await
}

#[step(compensate = none, at_most_once)]
async fn careful(cx: &StepContext<Peeking>, careless: &String) -> Result<(String, String), StepError> {
    Ok((careless.clone(), latest(cx).await?))
}

#[tokio::test(start_paused = true)]
async fn only_the_start_of_a_step_that_runs_at_most_once_is_recorded_and_before_it_runs() {
    for backend in BACKENDS {
        // Kept: the folder of a file goes with it.
        let open = (backend.fresh)();
        let store = open().await.unwrap();
        let peeking = Peeking { store: Arc::clone(&store) };
        let coordinator = Coordinator::builder_shared(store).saga(peeking).build().await.unwrap();
        let handle = coordinator.start::<Peeking>(()).await.unwrap();
        let found = ("saga_started".to_owned(), "step_started".to_owned());
        assert_eq!(handle.outcome().await.unwrap(), Outcome::Completed(found), "{}", backend.name);
        let journal = lawful_journal::<Peeking>(&coordinator, handle.id()).await;
        let starts = journal.iter().filter(|record| record.event.kind() == "step_started");
        assert_eq!(starts.map(|record| record.event.step()).collect::<Vec<_>>(), [Some(1)]);
        // With the completion of the step before it, in one append.
        assert_eq!(coordinator.metrics().appends, 3, "{}", backend.name);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_begun_or_told_before_its_commit() {
    for batches in [false, true] {
        let (memory, faults): (Arc<dyn Store>, _) = (Arc::new(watched_memory()), Faults::none());
        let store = FaultyStore::new(Arc::clone(&memory), faults.clone());
        let store = if batches { store.with_batches() } else { store };
        let journey = Journey::new(&Ledger::new());
        let coordinator = Coordinator::builder(store).saga(journey.clone()).build().await.unwrap();
        let mut told = coordinator.subscribe(EventFilter::all());

        faults.hold("append at 0");
        let starting = tokio::spawn({
            let coordinator = coordinator.clone();
            async move { coordinator.start::<Journey>(1).await.unwrap() }
        });
        sleep(hours(1)).await;
        assert!(!starting.is_finished(), "a start returned before it was durable");
        assert_eq!(journey.said(), [""; 0], "a step began before its saga was durable");
        assert!(memory.list(&SagaFilter::new()).await.unwrap().sagas.is_empty());
        assert_eq!(coordinator.metrics().sagas_started, 0);

        faults.hold("append at 1");
        let handle = starting.await.unwrap();
        sleep(hours(1)).await;
        assert_eq!(journey.said(), ["flight"], "a step began before the one ahead of it was durable");
        assert_eq!(coordinator.metrics().steps_completed, 0);
        assert_eq!(told.next().await.unwrap().unwrap().event.kind(), "saga_started");
        let next = tokio::time::timeout(secs(1), told.next()).await;
        assert!(next.is_err(), "told before it was durable: {next:?}");

        // The last append carries the end.
        faults.hold("append at 4");
        sleep(hours(1)).await;
        assert_eq!(journey.said(), ["flight", "room", "car", "pay"]);
        let outcome = tokio::time::timeout(hours(1), handle.outcome()).await;
        assert!(outcome.is_err(), "an end was told before it was durable: {outcome:?}");

        faults.let_go();
        assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Completed);
        lawful_journal::<Journey>(&coordinator, handle.id()).await;
    }
}

/// No undo begins before it is durable that the saga turns back, nor before the undo ahead of it is.
#[tokio::test(start_paused = true)]
async fn no_undo_begins_before_what_leads_to_it_is_durable() {
    let faults = Faults::none();
    let store = FaultyStore::new(Arc::new(watched_memory()), faults.clone());
    let journey = Journey::new(&Ledger::new()).with("car", Mood::Refuses);
    let coordinator = Coordinator::builder(store).saga(journey.clone()).build().await.unwrap();
    faults.hold("append at 3");
    let handle = coordinator.start::<Journey>(1).await.unwrap();
    sleep(hours(1)).await;
    assert_eq!(journey.said(), ["flight", "room", "car"]);
    faults.hold("append at 5");
    sleep(hours(1)).await;
    assert_eq!(journey.said()[3..], ["Room { floor: 10 }", "undo room"]);
    faults.let_go();
    assert_eq!(handle.outcome().await.unwrap().state(), SagaState::Compensated);
}
