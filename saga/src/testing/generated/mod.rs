//! Sagas by the dice: what nobody would think of writing.

mod flow;
mod operator;
mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::crash::CrashTest;
use super::ledger::Ledger;
use super::subject::Subject;
use crate::coordinator::CoordinatorBuilder;
use crate::machine::{Event, Record, StuckReason};
use crate::policy::{millis, minutes};
use crate::store::BoxFuture;
use crate::{Coordinator, Definition, OperateError, Payload, SagaId, StartError, StartOptions};
use plan::Plan;

/// A saga that a seed stands for: its flow, kinds and policies, which steps and undos fail in which way, whether
/// somebody cancels it, and what the operator does when it is parked. The same seed gives the same saga.
///
/// ```
/// use saga::testing::GeneratedSaga;
///
/// let report = GeneratedSaga::from_seed(7).crash_test().second_deaths(10).run();
/// println!("{}", report.unwrap_or_else(|failure| panic!("{failure}")));
/// ```
#[derive(Debug, Clone)]
pub struct GeneratedSaga {
    plan: Arc<Plan>,
}

impl GeneratedSaga {
    /// The saga of this seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { plan: Arc::new(Plan::from_seed(seed)) }
    }

    /// Its definition. It is never freed: generated sagas are for tests.
    #[must_use]
    pub fn definition(&self) -> &'static Definition {
        self.plan.definition
    }

    /// Lets it crash at every write, over stores in memory where nothing else is said.
    pub fn crash_test<'a>(&self) -> CrashTest<'a> {
        let plan = Arc::clone(&self.plan);
        CrashTest::of(move |ledger| {
            let world = World {
                plan: Arc::clone(&plan),
                ledger: ledger.clone(),
                executions: plan.scripts.iter().map(|_| AtomicUsize::new(0)).collect(),
                is_repaired: AtomicBool::new(false),
            };
            Arc::new(Staged { world: Arc::new(world) })
        })
        .same_outputs()
        .time_max(minutes(10))
    }
}

/// The services of a generated saga.
pub(super) struct World {
    plan: Arc<Plan>,
    ledger: Ledger,
    /// How often the code of each step was run.
    executions: Vec<AtomicUsize>,
    /// Whether an operator has mended all that fails.
    is_repaired: AtomicBool,
}

/// A generated saga in one run, over all its lives.
struct Staged {
    world: Arc<World>,
}

/// Short, so that a saga of a dead process is soon taken up, and long waits are spent in the store.
const LEASE: Duration = millis(500);

impl Subject for Staged {
    fn definition(&self) -> &'static Definition {
        self.world.plan.definition
    }

    fn furnish(&self, builder: CoordinatorBuilder) -> CoordinatorBuilder {
        let saga = flow::Scripted(Arc::clone(&self.world));
        builder.registered(Arc::new(saga)).lease(LEASE).poll_interval(millis(100))
    }

    fn start<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        options: StartOptions,
    ) -> BoxFuture<'a, Result<SagaId, StartError>> {
        let Plan { definition, start_delay, .. } = &*self.world.plan;
        let input = Payload::from(b"0".as_slice());
        Box::pin(coordinator.start_registered(&definition.name, input, options.delay(*start_delay)))
    }

    fn cancel_after(&self) -> Option<Duration> {
        self.world.plan.cancel_after
    }

    /// A step that is to run at most once is never run without a record of its start.
    fn problems(&self, journal: &[Record]) -> Vec<String> {
        let steps = self.world.plan.definition.steps.iter().enumerate().filter(|(_, step)| step.at_most_once);
        let overrun = steps.filter_map(|(index, step)| {
            let is_start =
                |record: &&Record| matches!(record.event, Event::StepStarted { step, .. } if step == index);
            let recorded = journal.iter().filter(is_start).count();
            let run = self.world.executions[index].load(Ordering::Relaxed);
            (run > recorded)
                .then(|| format!("`{}` was run {run} times and recorded {recorded} times", step.name))
        });
        overrun.collect()
    }

    fn operate<'a>(
        &'a self,
        coordinator: &'a Coordinator,
        saga: SagaId,
        reason: StuckReason,
    ) -> BoxFuture<'a, Result<bool, OperateError>> {
        Box::pin(operator::operate(&self.world, coordinator, saga, reason))
    }
}
