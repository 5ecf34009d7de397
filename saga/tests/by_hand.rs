//! A saga whose traits are implemented by hand: the engine without the macros.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use saga::__private::{Call, InputRecord, Record};
use saga::policy::{fixed, millis, secs};
use saga::{
    Codec, Coordinator, Definition, MemoryStore, Outcome, Payload, PayloadError, Saga, SagaState,
    StartOptions, StepDefinition, StepError, StepKind, StepName,
};

/// Three steps that add to a number; what they do is written to a ledger.
#[derive(Default)]
struct Adding {
    ledger: Arc<Mutex<Vec<String>>>,
    third: Third,
    busy: AtomicU32,
}

/// What the third step does.
#[derive(Default, Clone, Copy, PartialEq)]
enum Third {
    #[default]
    Succeeds,
    Refuses,
    IsBusyTwice,
    Panics,
    Hangs,
}

#[derive(Default)]
struct Slots([OnceLock<u64>; 3]);

#[derive(Debug, Clone, Copy)]
enum Name {
    First,
    Second,
    Third,
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        ["first", "second", "third"][self.index()]
    }
}

impl StepName for Name {
    const ALL: &'static [Self] = &[Self::First, Self::Second, Self::Third];

    fn index(self) -> usize {
        self as usize
    }
}

impl Saga for Adding {
    type Input = u64;
    type Output = u64;
    type Outputs = [Option<u64>; 3];
    type Step = Name;
    type Slots = Slots;

    const INPUT: InputRecord<Self> = InputRecord::new(Record::new());

    fn definition() -> &'static Definition {
        static DEFINITION: OnceLock<Definition> = OnceLock::new();
        DEFINITION.get_or_init(|| {
            let mut steps: Vec<_> = Name::ALL
                .iter()
                .map(|name| {
                    StepDefinition::new(["first", "second", "third"][name.index()], StepKind::Compensatable)
                })
                .collect();
            steps[2].retry = Some(fixed(2, millis(10)));
            steps[2].timeout = Some(millis(500));
            Definition::new("adding", 1, steps, vec![vec![0], vec![1], vec![2]])
        })
    }

    async fn execute<'a>(call: Call<'a, Self>) -> Result<Payload, StepError> {
        let key = call.cx.idempotency_key().replace(&call.cx.saga_id().to_string(), "");
        call.cx.ledger.lock().unwrap().push(format!("do{key}"));
        if call.step == 2 {
            match call.cx.third {
                Third::Succeeds => {}
                Third::Refuses => return Err(StepError::business("NO", "no")),
                Third::IsBusyTwice => {
                    if call.cx.busy.fetch_add(1, Ordering::Relaxed) < 2 {
                        return Err(StepError::transient("busy"));
                    }
                }
                Third::Panics => panic!("at the third"),
                Third::Hangs => std::future::pending().await,
            }
        }
        let before = if call.step == 0 { call.input } else { call.slots.0[call.step - 1].get().unwrap() };
        call.keep.output(&call.slots.0[call.step], before + 1, &Record::new())
    }

    async fn verify<'a>(_call: Call<'a, Self>) -> Result<Option<Payload>, StepError> {
        Ok(None)
    }

    async fn compensate<'a>(call: Call<'a, Self>) -> Result<(), StepError> {
        let output = call.slots.0[call.step].get();
        call.cx.ledger.lock().unwrap().push(format!("undo-{}-{output:?}", call.cx.step()));
        Ok(())
    }

    fn restore(slots: &Slots, step: usize, payload: &Payload, codec: &Codec) -> Result<(), PayloadError> {
        _ = slots.0[step].set(codec.decode(payload)?);
        Ok(())
    }

    fn outputs(slots: Slots) -> Self::Outputs {
        slots.0.map(OnceLock::into_inner)
    }

    fn output(slots: &mut Slots) -> Option<u64> {
        slots.0[2].get().copied()
    }
}

fn adding(third: Third) -> (Adding, Arc<Mutex<Vec<String>>>) {
    let ledger = Arc::default();
    (Adding { ledger: Arc::clone(&ledger), third, busy: AtomicU32::new(0) }, ledger)
}

#[tokio::test(start_paused = true)]
async fn a_saga_without_a_store_completes_or_is_undone() {
    let (saga, _) = adding(Third::Succeeds);
    assert_eq!(saga::run(&saga, 1).await, Outcome::Completed(4));

    let (saga, ledger) = adding(Third::Refuses);
    let Outcome::Compensated(failure) = saga::run(&saga, 1).await else { panic!("not compensated") };
    assert_eq!((failure.step.as_str(), failure.code.as_deref(), failure.attempts), ("third", Some("NO"), 1));
    let undone = ["do-first", "do-second", "do-third", "undo-second-Some(3)", "undo-first-Some(2)"];
    assert_eq!(*ledger.lock().unwrap(), undone);
}

#[tokio::test(start_paused = true)]
async fn a_recorded_saga_completes_and_each_durable_write_is_counted() {
    let coordinator =
        Coordinator::builder(MemoryStore::new()).saga(adding(Third::Succeeds).0).build().await.unwrap();
    let handle = coordinator.start::<Adding>(1).await.unwrap();
    assert_eq!(handle.outcome().await.unwrap(), Outcome::Completed(4));
    assert_eq!(
        handle.outcome().await.unwrap(),
        Outcome::Completed(4),
        "asked twice, it is read from the store"
    );
    let metrics = coordinator.metrics();
    assert_eq!((metrics.appends, metrics.sagas_completed, metrics.sagas_active), (4, 1, 0));
    let instance = coordinator.instance(handle.id()).await.unwrap().unwrap();
    assert_eq!(instance.state, SagaState::Completed);
    let inspection = coordinator.inspect::<Adding>(handle.id()).await.unwrap().unwrap();
    assert_eq!(inspection.outputs, [Some(2), Some(3), Some(4)]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_by_their_kind() {
    for (third, attempts, state) in [
        (Third::IsBusyTwice, 3, SagaState::Completed),
        (Third::Refuses, 1, SagaState::Compensated),
        // In doubt, and its undo takes the output that nobody has: not claimed to be undone.
        (Third::Panics, 3, SagaState::Failed),
        (Third::Hangs, 3, SagaState::Failed),
    ] {
        let (saga, ledger) = adding(third);
        let coordinator = Coordinator::builder(MemoryStore::new()).saga(saga).build().await.unwrap();
        let outcome = coordinator.start::<Adding>(1).await.unwrap().outcome().await.unwrap();
        assert_eq!(outcome.state(), state, "{outcome}");
        let tried = ledger.lock().unwrap().iter().filter(|line| *line == "do-third").count();
        assert_eq!(tried, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_key_joins_the_first() {
    let coordinator =
        Coordinator::builder(MemoryStore::new()).saga(adding(Third::Succeeds).0).build().await.unwrap();
    let start = |input| coordinator.start_with::<Adding>(input, StartOptions::new().key("k"));
    let first = start(1).await.unwrap();
    assert_eq!(start(1).await.unwrap().id(), first.id());
    assert!(matches!(start(2).await, Err(saga::StartError::KeyConflict { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_start_begins_after_its_delay() {
    let (saga, ledger) = adding(Third::Succeeds);
    let coordinator = Coordinator::builder(MemoryStore::new()).saga(saga).build().await.unwrap();
    let handle = coordinator.start_with::<Adding>(1, StartOptions::new().delay(secs(60))).await.unwrap();
    tokio::time::sleep(secs(59)).await;
    assert!(ledger.lock().unwrap().is_empty());
    assert_eq!(handle.outcome().await.unwrap(), Outcome::Completed(4));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_lets_the_running_attempt_end_then_undoes_everything() {
    let (saga, ledger) = adding(Third::Hangs);
    let coordinator = Coordinator::builder(MemoryStore::new()).saga(saga).build().await.unwrap();
    let handle = coordinator.start::<Adding>(1).await.unwrap();
    coordinator.cancel(handle.id(), "changed my mind").await.unwrap();
    let outcome = handle.outcome().await.unwrap();
    // The third step timed out, and nobody knows whether it took effect.
    assert_eq!(outcome.state(), SagaState::Failed, "{outcome}");
    assert_eq!(ledger.lock().unwrap().iter().filter(|line| line.starts_with("undo")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_concurrent_sagas_holds_and_says_so() {
    let builder = Coordinator::builder(MemoryStore::new()).saga(adding(Third::Hangs).0);
    let coordinator = builder.max_concurrent_sagas(1).acquire_timeout(millis(100)).build().await.unwrap();
    let first = coordinator.start::<Adding>(1).await.unwrap();
    assert!(matches!(coordinator.start::<Adding>(1).await, Err(saga::StartError::AcquireTimeout { .. })));
    first.outcome().await.unwrap();
    coordinator.start::<Adding>(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_over_what_does_not_end_in_time() {
    let store: Arc<dyn saga::Store> = Arc::new(MemoryStore::new());
    let builder = Coordinator::builder_shared(Arc::clone(&store)).saga(adding(Third::Hangs).0);
    let coordinator = builder.shutdown_timeout(millis(100)).build().await.unwrap();
    let id = coordinator.start::<Adding>(1).await.unwrap().id();
    let report = coordinator.shutdown().await;
    assert_eq!(report.handed_over, 1);
    assert!(matches!(coordinator.start::<Adding>(1).await, Err(saga::StartError::ShuttingDown)));

    let (saga, ledger) = adding(Third::Succeeds);
    let next = Coordinator::builder_shared(store).saga(saga).build().await.unwrap();
    assert_eq!(next.handle::<Adding>(id).outcome().await.unwrap(), Outcome::Completed(4));
    assert_eq!(*ledger.lock().unwrap(), ["do-third"], "the steps that were done are not run again");
}
