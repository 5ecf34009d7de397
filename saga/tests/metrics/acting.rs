//! The saga that is counted.

use saga::policy::secs;
use saga::{StepError, saga, step};

/// Does what it is told to. Each attempt takes a second of the paused clock.
#[saga(steps(tidy -> act(input)))]
pub(crate) struct Acting;

#[step(compensate = mess, compensation(timeout = minutes(1), retry = no_retry()))]
async fn tidy(_saga: &Acting, what: &String) -> Result<String, StepError> {
    tokio::time::sleep(secs(1)).await;
    Ok(what.clone())
}

async fn mess(_saga: &Acting, what: &String) -> Result<(), StepError> {
    tokio::time::sleep(secs(if what == "goes back slowly" { 30 } else { 1 })).await;
    if what == "sticks" { Err(StepError::permanent("glue")) } else { Ok(()) }
}

#[step(compensate = none, retry = fixed(2, secs(1)), verify = look)]
async fn act(cx: &saga::StepContext<Acting>, what: &String) -> Result<(), StepError> {
    tokio::time::sleep(secs(1)).await;
    match what.as_str() {
        "stumbles" if cx.attempt() == 1 => Err(StepError::transient("busy")),
        "is found" => Err(StepError::in_doubt("no answer")),
        "is refused" | "sticks" | "goes back slowly" => Err(StepError::business("NO", "no")),
        "breaks" => Err(StepError::permanent("broken")),
        "dawdles" => std::future::pending().await,
        _ => Ok(()),
    }
}

async fn look(_cx: &saga::StepContext<Acting>, what: &String) -> Result<Option<()>, StepError> {
    tokio::time::sleep(secs(1)).await;
    Ok((what == "is found").then_some(()))
}
