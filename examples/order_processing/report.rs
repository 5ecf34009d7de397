//! What a run began with, and how all ended.

use std::error::Error;

use saga::machine::Event;
use saga::store::QueryStore;
use saga::{Coordinator, Outcome, Saga, SagaFilter, SagaInstance, SagaState};
use saga_examples::audit::{Audit, Ended};
use saga_examples::journal;
use saga_examples::shop::{Ledger, OrderRequest, euros};

use super::OrderProcessing;

/// The orders that an earlier run left under way, told to whoever watches.
pub(crate) async fn left_behind(
    store: &impl QueryStore,
) -> Result<Vec<SagaInstance>, Box<dyn Error + Send + Sync>> {
    let filter = SagaFilter::new().state(SagaState::Running).state(SagaState::Compensating).limit(1_000);
    let mut left = store.list(&filter).await?.sagas;
    left.sort_by(|one, other| one.key.cmp(&other.key));
    if !left.is_empty() {
        println!("An earlier run left {} orders under way, which are taken up now:", left.len());
        for saga in &left {
            println!("  {}  {}", saga.key.as_deref().unwrap_or("?"), saga.state);
        }
        println!();
    }
    Ok(left)
}

/// Prints how each order ended, and the books of the services; whether the two agree.
pub(crate) async fn print(
    coordinator: &Coordinator,
    ledger: &Ledger,
    mut ended: Vec<Ended>,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    ended.sort_by(|one, other| one.request.id.cmp(&other.request.id));
    println!("\nHow each order ended, and how it came about where something went wrong");
    println!("  {}\n", journal::LEGEND);
    for Ended { request, saga, outcome } in &ended {
        let OrderRequest { id, customer, total_cents, .. } = request;
        print!("  {id}  {customer:17} {:>8} EUR  ", euros(*total_cents));
        match outcome {
            Outcome::Completed(confirmation) => println!("completed: {}", confirmation.text),
            other => println!("{other}"),
        }
        let Some(inspection) = coordinator.inspect::<OrderProcessing>(*saga).await? else { continue };
        if inspection.journal.iter().any(|record| went_wrong(&record.event)) {
            print!("{}", journal::timeline(OrderProcessing::definition(), &inspection.journal));
        }
    }

    let audit = Audit::of(ledger, &ended)?;
    println!("\nThe books of the services\n{audit}");
    if audit.contradictions.is_empty() {
        println!(
            "They balance: each completed order is charged once, no other is charged, no stock is lost."
        );
    } else {
        println!("They do NOT balance:");
        for contradiction in &audit.contradictions {
            println!("  {contradiction}");
        }
    }
    Ok(audit.contradictions.is_empty())
}

fn went_wrong(event: &Event) -> bool {
    matches!(event, Event::StepFailed { .. } | Event::CompensationFailed { .. } | Event::Claimed { .. })
}
