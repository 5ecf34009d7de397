//! The crash: not at any moment, but when it hurts most.

use std::collections::HashMap;

use saga::machine::Event;
use saga::{SagaId, SagaInstance, SagaState, Subscription};

/// How a saga stands that is under way.
struct UnderWay {
    order: String,
    is_going_back: bool,
    /// Known only if it turned back before our eyes.
    undos_left: Option<usize>,
}

/// So many other sagas must be under way.
const OTHERS_MIN: usize = 3;

/// Kills the process once an order is between two of its undos, and others are under way too. `left` is under way
/// already.
///
/// If that never comes, because too few orders are left, all of them end, and the process as usual.
pub(crate) async fn in_the_middle(mut events: Subscription, left: Vec<SagaInstance>) {
    let mut under_way: HashMap<SagaId, UnderWay> = HashMap::new();
    for saga in left {
        let order = saga.key.unwrap_or_else(|| saga.id.to_string());
        let is_going_back = saga.state == SagaState::Compensating;
        under_way.insert(saga.id, UnderWay { order, is_going_back, undos_left: None });
    }
    // Missed events only mean that the moment is missed, too.
    while let Some(event) = events.next().await {
        let Ok(event) = event else { continue };
        let saga = under_way.get_mut(&event.saga);
        match (&event.event, saga) {
            (Event::SagaStarted(started), _) => {
                let order = started.key.clone().unwrap_or_default();
                under_way.insert(event.saga, UnderWay { order, is_going_back: false, undos_left: None });
            }
            (Event::CompensationStarted { plan, .. }, Some(saga)) => {
                saga.is_going_back = true;
                saga.undos_left = Some(plan.stages.iter().flatten().count());
            }
            (Event::StepCompensated { .. }, Some(saga)) => {
                let left = saga.undos_left.map_or(0, |left| left.saturating_sub(1));
                saga.undos_left = saga.undos_left.map(|_| left);
                if left > 0 && under_way.len() > OTHERS_MIN {
                    let step = event.step.unwrap_or_default();
                    die(&under_way, &under_way[&event.saga].order, &step);
                }
            }
            (Event::Ended { .. } | Event::Stuck { .. }, _) => {
                under_way.remove(&event.saga);
            }
            _ => {}
        }
    }
}

/// Ends the process as a crash does: nothing is flushed, dropped, or told to anybody.
fn die(under_way: &HashMap<SagaId, UnderWay>, order: &str, step: &str) -> ! {
    let back = under_way.values().filter(|saga| saga.is_going_back).count();
    println!(
        "\ncrash: {} orders on their way forward, {back} on their way back; {order} has undone `{step}`, and has \
         more to undo. Run again without --crash: they are taken up where they stand.",
        under_way.len() - back
    );
    std::process::abort()
}
