//! A saga is driven by one process, and reached from all.

use saga::SagaState;
use saga::policy::millis;
use saga_fleet_tests::{Kind, Told, Worker};
use saga_tests::shipment::Course;

use super::crew::{Crew, start};

/// The end of a saga, as a worker hears of it that was told to wait for it.
async fn end(worker: &mut Worker, name: &str) -> String {
    loop {
        match worker.next().await {
            Told::Ended(of, state) if of == name => return state,
            _ => {}
        }
    }
}

pub(crate) async fn a_saga_is_operated_from_any_process(kind: Kind) {
    let mut crew = Crew::new(kind).await;
    let mut owner = crew.worker(millis(300)).await;
    let mut other = crew.worker(millis(300)).await;

    // Its outcome is waited for in both.
    let well = start(&mut owner, 0..1, 0).await[0];
    assert_eq!(crew.instance(well).await.owner, Some(owner.id));
    other.tell(&format!("outcome {well}"));
    assert_eq!(end(&mut other, &well.to_string()).await, "completed");
    assert_eq!(end(&mut owner, "0").await, "completed");

    // A cancel reaches the owner.
    let cancelled = start(&mut owner, 1..2, 0).await[0];
    assert_eq!(other.ask(&format!("cancel {cancelled}")).await[2], "ok");
    other.tell(&format!("outcome {cancelled}"));
    assert_eq!(end(&mut other, &cancelled.to_string()).await, "cancelled");
    assert_eq!(crew.instance(cancelled).await.state, SagaState::Cancelled);

    // A parked saga is retried by whoever is asked; its shelf is still gone.
    let jammed = Course::ALL.iter().position(|course| *course == Course::Jammed).unwrap();
    owner.tell(&format!("start {jammed}"));
    assert_eq!(end(&mut owner, &jammed.to_string()).await, "stuck");
    let saga = crew.sagas().await.into_iter().find(|saga| saga.key == Some(jammed.to_string())).unwrap().id;
    assert_eq!(other.ask(&format!("retry {saga}")).await[2], "ok");
    other.tell(&format!("outcome {saga}"));
    assert_eq!(end(&mut other, &saga.to_string()).await, "stuck");
    let journal = crew.store.load(saga).await.unwrap();
    let count = |kind| journal.iter().filter(|record| record.event.kind() == kind).count();
    assert_eq!((count("stuck"), count("claimed"), count("resumed")), (2, 1, 1));

    // What has ended refuses, wherever it is asked.
    let refused = other.ask(&format!("cancel {well}")).await.join(" ");
    assert!(refused.contains("has ended"), "{refused}");
}
