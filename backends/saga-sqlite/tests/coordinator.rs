//! A saga that is driven over a file, and the crash of its process.

mod common;

use std::sync::{Arc, Mutex, OnceLock};

use common::Directory;
use saga::__private::{Call, Record};
use saga::{
    Codec, Coordinator, Definition, Outcome, Payload, PayloadError, Saga, SagaId, StepDefinition, StepError,
    StepKind, StepName,
};
use saga_sqlite::SqliteStore;
use tokio::sync::Notify;

/// Three steps that write down what they do; the second may hang.
struct Writing {
    done: Arc<Mutex<Vec<String>>>,
    hangs: bool,
    hanging: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
enum Name {
    First,
    Second,
    Third,
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        ["first", "second", "third"][*self as usize]
    }
}

impl StepName for Name {
    const ALL: &'static [Self] = &[Self::First, Self::Second, Self::Third];

    fn index(self) -> usize {
        self as usize
    }
}

impl Saga for Writing {
    type Input = u64;
    type Output = u64;
    type Outputs = [Option<u64>; 3];
    type Step = Name;
    type Slots = [OnceLock<u64>; 3];

    const INPUT: Record<Self::Input> = Record::new();

    fn definition() -> &'static Definition {
        static DEFINITION: OnceLock<Definition> = OnceLock::new();
        DEFINITION.get_or_init(|| {
            let steps =
                ["first", "second", "third"].map(|name| StepDefinition::new(name, StepKind::Compensatable));
            Definition::new("writing", 1, steps.to_vec(), vec![vec![0], vec![1], vec![2]])
        })
    }

    async fn execute<'a>(call: Call<'a, Self>) -> Result<Payload, StepError> {
        call.cx.done.lock().unwrap().push(call.cx.step().to_owned());
        if call.cx.hangs && call.step == 1 {
            call.cx.hanging.notify_one();
            std::future::pending::<()>().await;
        }
        let before = call.step.checked_sub(1).and_then(|step| call.slots[step].get());
        let output = before.unwrap_or(call.input) + 1;
        _ = call.slots[call.step].set(output);
        call.keep.codec.expect("there is a store").encode(&output).map_err(StepError::permanent)
    }

    async fn verify<'a>(_call: Call<'a, Self>) -> Result<Option<Payload>, StepError> {
        Ok(None)
    }

    async fn compensate<'a>(_call: Call<'a, Self>) -> Result<(), StepError> {
        Ok(())
    }

    fn restore(
        slots: &Self::Slots,
        step: usize,
        payload: &Payload,
        codec: &Codec,
    ) -> Result<(), PayloadError> {
        _ = slots[step].set(codec.decode(payload)?);
        Ok(())
    }

    fn outputs(slots: Self::Slots) -> Self::Outputs {
        slots.map(OnceLock::into_inner)
    }

    fn output(slots: &mut Self::Slots) -> Option<u64> {
        slots[2].get().copied()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn coordinator(
    directory: &Directory,
    hangs: bool,
) -> (Coordinator, Arc<Mutex<Vec<String>>>, Arc<Notify>) {
    let (done, hanging) = (Arc::default(), Arc::default());
    let saga = Writing { done: Arc::clone(&done), hangs, hanging: Arc::clone(&hanging) };
    let store = SqliteStore::open(directory.file()).await.unwrap();
    (Coordinator::builder(store).saga(saga).build().await.unwrap(), done, hanging)
}

#[test]
fn a_saga_survives_a_crash_and_goes_on_where_it_stood() {
    let directory = Directory::new();
    let process = runtime();
    let id: SagaId = process.block_on(async {
        let (coordinator, _, hanging) = coordinator(&directory, true).await;
        let id = coordinator.start::<Writing>(1).await.unwrap().id();
        hanging.notified().await;
        id
    });
    // Nothing is handed over: the coordinator, its tasks and its store are gone from one moment to the next.
    drop(process);

    runtime().block_on(async {
        let (coordinator, done, _) = coordinator(&directory, false).await;
        let outcome = coordinator.handle::<Writing>(id).outcome().await.unwrap();
        assert_eq!(outcome, Outcome::Completed(4));
        assert_eq!(*done.lock().unwrap(), ["second", "third"], "what was recorded is not run again");
        assert_eq!(coordinator.metrics().claims, 1);
    });
}

/// The clock stands still while something is written: a timeout of a test fires for what the saga does, and never for
/// what the disk does.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_run_ahead_of_the_disk() {
    let directory = Directory::new();
    let (coordinator, _, _) = coordinator(&directory, false).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..20 {
        let started = coordinator.start::<Writing>(1).await.unwrap();
        assert_eq!(started.outcome().await.unwrap(), Outcome::Completed(4));
    }
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
}
