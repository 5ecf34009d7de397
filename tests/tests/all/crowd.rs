//! Many sagas at once share one group commit, and one store that fails or a process that dies.

use std::sync::Arc;

use saga::machine::invariants;
use saga::policy::{hours, secs};
use saga::testing::{Fault, Faults, FaultyStore, Harm, Ledger, Moment};
use saga::{
    Coordinator, Outcome, OutcomeError, Saga as _, SagaFilter, SagaId, StartError, StartOptions, Store,
};
use saga_tests::trip::Trip;
use saga_tests::watched_memory;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const COUNT: u64 = 30;

/// The saga ends as it should, by its outcome, its journal and the world.
async fn check((coordinator, store): (&Coordinator, &dyn Store), saga: SagaId, world: &Ledger, what: &str) {
    let handle = coordinator.handle::<Trip>(saga);
    let asking = async {
        loop {
            match handle.outcome().await {
                // The store is down: the outcome cannot be had now, and the saga goes on.
                Err(OutcomeError::Store(_)) => sleep(secs(1)).await,
                outcome => break outcome,
            }
        }
    };
    let outcome = timeout(hours(1), asking).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("{what}: {saga} is lost"));
    assert!(matches!(outcome, Ok(Outcome::Completed(output)) if output > 2), "{what}: {outcome:?}");
    let journal = store.load(saga).await.unwrap();
    assert_eq!(invariants(Trip::definition(), &journal), [], "{what}");
    let done = journal.iter().filter(|record| record.event.kind() == "step_completed").count();
    assert_eq!(done, 3, "{what}: {journal:?}");
    for step in ["hotel", "pay", "mail"] {
        assert!(world.stands(saga, step), "{what}: `{step}` left no effect");
    }
}

#[tokio::test(start_paused = true)]
async fn every_saga_of_a_batch_that_got_no_answer_finds_out_for_itself() {
    for seed in 0..20 {
        let (world, faults) = (Ledger::new(), Faults::flaky(seed, 25, 300));
        let memory: Arc<dyn Store> = Arc::new(watched_memory());
        let store = FaultyStore::new(Arc::clone(&memory), faults).with_batches();
        let coordinator = Coordinator::builder(store).saga(Trip::new(&world)).build().await.unwrap();
        let mut starts = JoinSet::new();
        for input in 0..COUNT {
            let coordinator = coordinator.clone();
            starts.spawn(async move { coordinator.start::<Trip>(input).await.map(|handle| handle.id()) });
        }
        while let Some(started) = starts.join_next().await {
            // A starter that got no answer may be wrong about it, and then its saga is driven all the same.
            assert!(matches!(started.unwrap(), Ok(_) | Err(StartError::Store { .. })));
        }
        for instance in memory.list(&SagaFilter::new()).await.unwrap().sagas {
            check((&coordinator, &*memory), instance.id, &world, &format!("seed {seed}")).await;
        }
        let metrics = coordinator.metrics();
        assert!(metrics.commits < metrics.appends, "nothing was batched: {metrics:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_append_of_a_batch_gets_its_own_answer() {
    let (world, memory): (_, Arc<dyn Store>) = (Ledger::new(), Arc::new(watched_memory()));
    let store = FaultyStore::new(Arc::clone(&memory), Faults::none()).with_batches();
    let coordinator = Coordinator::builder(store).saga(Trip::new(&world)).build().await.unwrap();
    let mut starts = JoinSet::new();
    for index in 0..COUNT {
        let coordinator = coordinator.clone();
        // Every third is refused: the first has its key.
        let key = if index % 3 == 0 { "shared".to_owned() } else { index.to_string() };
        starts.spawn(async move {
            let handle = coordinator.start_with::<Trip>(2, StartOptions::new().key(&key)).await.unwrap();
            (key, handle.id())
        });
    }
    for (key, saga) in starts.join_all().await {
        check((&coordinator, &*memory), saga, &world, &key).await;
        assert_eq!(memory.instance(saga).await.unwrap().unwrap().key, Some(key));
    }
    assert_eq!(memory.list(&SagaFilter::new()).await.unwrap().sagas.len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_death_in_the_middle_of_a_batch_loses_no_saga() {
    for (call, moment) in (0..60).flat_map(|call| [(call, Moment::Before), (call, Moment::After)]) {
        let faults = Faults::planned([Fault { call, moment, harm: Harm::Death }]);
        let (world, memory): (_, Arc<dyn Store>) = (Ledger::new(), Arc::new(watched_memory()));
        let store = FaultyStore::new(Arc::clone(&memory), faults.clone()).with_batches();
        let dead = Coordinator::builder(store).saga(Trip::new(&world)).build().await.unwrap();
        let mut starts = JoinSet::new();
        for input in 0..COUNT {
            let coordinator = dead.clone();
            starts.spawn(async move { coordinator.start::<Trip>(input).await.map(|handle| handle.id()) });
        }
        // A call that never comes kills nobody.
        _ = timeout(hours(1), faults.died()).await;
        let mut told = Vec::new();
        while let Some(started) = starts.try_join_next() {
            told.push(started.unwrap().unwrap());
        }
        let living = Coordinator::builder_shared(Arc::clone(&memory)).saga(Trip::new(&world));
        let living = living.build().await.unwrap();
        let recorded = memory.list(&SagaFilter::new()).await.unwrap().sagas;
        assert!(told.iter().all(|saga| recorded.iter().any(|instance| instance.id == *saga)));
        for instance in recorded {
            check((&living, &*memory), instance.id, &world, &format!("call {call}, {moment:?}")).await;
        }
    }
}
