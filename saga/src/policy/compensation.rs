//! Compensation strategies: in which order what is done gets undone, and what a failed undo means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RetryPolicy;
use crate::Cause;

/// How a saga goes back: an order, a timeout for each attempt of an undo, and a retry policy.
///
/// ```
/// use saga::policy::*;
///
/// // One by one, and on past an undo that fails: each attempt may take 10 seconds, and there are 6 of them.
/// let _ = best_effort(secs(10)).retry(fixed(5, secs(2)));
/// ```
#[derive(Debug, Clone)]
pub struct Compensation {
    /// The order.
    pub(crate) order: Order,
    /// How long one attempt of an undo may take.
    pub(crate) timeout: Duration,
    /// How failed attempts of an undo are retried; `None`: as the coordinator says.
    pub(crate) retry: Option<RetryPolicy>,
}

#[derive(Clone)]
pub(crate) enum Order {
    Sequential,
    Parallel,
    BestEffort,
    Custom(Arc<dyn CompensationStrategy>),
}

/// One by one, latest first; stops and parks the saga when an undo has used up its retries.
#[must_use]
pub const fn sequential(timeout: Duration) -> Compensation {
    Compensation { order: Order::Sequential, timeout, retry: None }
}

/// All at once; goes on when one fails, and the saga ends `Failed` then.
#[must_use]
pub const fn parallel(timeout: Duration) -> Compensation {
    Compensation { order: Order::Parallel, timeout, retry: None }
}

/// One by one, latest first; goes on when one fails, and the saga ends `Failed` then.
#[must_use]
pub const fn best_effort(timeout: Duration) -> Compensation {
    Compensation { order: Order::BestEffort, timeout, retry: None }
}

/// As `strategy` says; each attempt of an undo may take 30 seconds, unless [`timeout`](Compensation::timeout) says
/// otherwise.
#[must_use]
pub fn custom(strategy: impl CompensationStrategy) -> Compensation {
    Compensation { order: Order::Custom(Arc::new(strategy)), timeout: Duration::from_secs(30), retry: None }
}

impl Compensation {
    /// How long one attempt of an undo may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How failed attempts of an undo are retried. Without a call: `exponential(10, secs(1), minutes(1))`.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// The plan for undoing `done`, which lists the steps that need it, in the order of the flow.
    pub(crate) fn plan(&self, cause: &Cause, done: &[(usize, &str)]) -> UndoPlan {
        let one_by_one = || done.iter().rev().map(|&(index, _)| vec![index]).collect();
        match &self.order {
            Order::Sequential => UndoPlan { stages: one_by_one(), on_failure: OnUndoFailure::Park },
            Order::BestEffort => UndoPlan { stages: one_by_one(), on_failure: OnUndoFailure::GoOn },
            Order::Parallel => UndoPlan {
                stages: if done.is_empty() {
                    vec![]
                } else {
                    vec![done.iter().map(|&(index, _)| index).collect()]
                },
                on_failure: OnUndoFailure::GoOn,
            },
            Order::Custom(strategy) => custom_plan(strategy.as_ref(), cause, done),
        }
    }
}

/// Asks the user's strategy, and holds it to its contract: a step that isn't done is not undone, none twice, and
/// what it leaves out stays not undone, which the saga's end will say.
fn custom_plan(strategy: &dyn CompensationStrategy, cause: &Cause, done: &[(usize, &str)]) -> UndoPlan {
    let on_failure = strategy.on_undo_failure();
    if !strategy.should_compensate(cause) {
        return UndoPlan { stages: Vec::new(), on_failure };
    }
    let names: Vec<&str> = done.iter().map(|&(_, name)| name).collect();
    let mut left: Vec<(usize, &str)> = done.to_vec();
    let mut stages = Vec::new();
    for stage in strategy.order(&names) {
        let mut indexes = Vec::new();
        for name in stage {
            if let Some(at) = left.iter().position(|&(_, known)| known == name) {
                indexes.push(left.swap_remove(at).0);
            }
        }
        if !indexes.is_empty() {
            stages.push(indexes);
        }
    }
    UndoPlan { stages, on_failure }
}

/// A user's own way back.
///
/// It is asked once, when the saga turns back; its answer is journaled, so a crash does not ask again.
///
/// ```
/// use saga::policy::{CompensationStrategy, OnUndoFailure, custom};
///
/// /// The payment first, then all the rest at once.
/// struct MoneyFirst;
///
/// impl CompensationStrategy for MoneyFirst {
///     fn order(&self, done: &[&str]) -> Vec<Vec<String>> {
///         let (money, rest): (Vec<String>, Vec<String>) =
///             done.iter().map(|&step| step.to_owned()).partition(|step| step == "charge");
///         vec![money, rest]
///     }
///
///     fn on_undo_failure(&self) -> OnUndoFailure {
///         OnUndoFailure::GoOn
///     }
/// }
///
/// let _ = custom(MoneyFirst); // `compensation = custom(MoneyFirst)` in `#[saga(..)]`, or of the coordinator's builder
/// assert_eq!(MoneyFirst.order(&["reserve", "charge", "notify"]), [vec!["charge"], vec!["reserve", "notify"]]);
/// ```
pub trait CompensationStrategy: Send + Sync + 'static {
    /// Whether anything is undone at all. A saga of which nothing is undone, though something is done, ends
    /// `Failed`. Without this method: always.
    fn should_compensate(&self, cause: &Cause) -> bool {
        _ = cause;
        true
    }

    /// The stages of the way back: the steps of one stage are undone at the same time. `done` are the names of
    /// the steps to undo, in the order of the flow; what is left out is not undone, and the saga ends `Failed`.
    fn order(&self, done: &[&str]) -> Vec<Vec<String>>;

    /// What an undo that has used up its retries means. Without this method: the saga is parked.
    fn on_undo_failure(&self) -> OnUndoFailure {
        OnUndoFailure::Park
    }
}

/// What an undo that has used up its retries means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUndoFailure {
    /// The saga is parked: `Stuck`, until an operator says how it goes on.
    Park,
    /// The other steps are undone, and the saga ends `Failed`.
    GoOn,
}

/// The journaled way back: stages of step indexes, and what a failed undo means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPlan {
    /// The steps to undo, stage after stage; those of one stage at the same time.
    pub stages: Vec<Vec<usize>>,
    /// What an undo that has used up its retries means.
    pub on_failure: OnUndoFailure,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequential => "Sequential",
            Self::Parallel => "Parallel",
            Self::BestEffort => "BestEffort",
            Self::Custom(_) => "Custom",
        })
    }
}
