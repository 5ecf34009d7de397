//! Who owns a saga.

use super::{Event, Record};
use crate::WorkerId;

/// Who owns the saga of this journal; `None`: nobody, it is free or rests.
pub(crate) fn owner(journal: &[Record]) -> Option<WorkerId> {
    let told = |record: &Record| match &record.event {
        Event::SagaStarted(started) => Some(started.owner),
        Event::Claimed { worker } => Some(Some(*worker)),
        Event::Released { .. } | Event::Stuck { .. } | Event::Ended { .. } => Some(None),
        _ => None,
    };
    journal.iter().rev().find_map(told).flatten()
}

/// Whether the last owner was driving the saga when the last claim took it: then its head said how it stood, and the
/// claim changed nothing of it but the owner. What rests, or waits for its time, has more in its head.
pub(crate) fn was_driven(journal: &[Record]) -> bool {
    let before = journal.iter().rev().find(|record| !matches!(record.event, Event::Claimed { .. }));
    before.is_some_and(|before| match &before.event {
        Event::SagaStarted(started) => started.owner.is_some(),
        Event::Released { .. } => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn the_owner_is_who_claimed_last_unless_the_saga_was_given_back() {
        let worker = WorkerId::new();
        let mut journal = Vec::new();
        let mut owner_after = |event| {
            journal.push(Record { sequence: journal.len() as u64, at: Timestamp::from_micros(0), event });
            owner(&journal)
        };
        assert!(owner_after(Event::Claimed { worker: WorkerId::new() }).is_some());
        assert_eq!(owner_after(Event::Claimed { worker }), Some(worker));
        assert_eq!(owner_after(Event::StepAbsent { step: 0 }), Some(worker));
        assert_eq!(owner_after(Event::Released { until: None }), None);
        assert_eq!(owner_after(Event::Claimed { worker }), Some(worker));
    }
    #[test]
    fn a_saga_that_was_given_back_was_not_driven() {
        let claimed = Event::Claimed { worker: WorkerId::new() };
        let record =
            |event: &Event| Record { sequence: 0, at: Timestamp::from_micros(0), event: event.clone() };
        let was = |events: &[Event]| was_driven(&events.iter().map(record).collect::<Vec<_>>());
        let released = Event::Released { until: None };
        assert!(was(&[Event::StepAbsent { step: 0 }, claimed.clone(), claimed.clone()]));
        assert!(!was(&[Event::StepAbsent { step: 0 }, released.clone(), claimed.clone(), claimed.clone()]));
        assert!(was(&[released, claimed.clone(), Event::StepAbsent { step: 0 }]));
        assert!(!was(&[claimed]), "nothing but claims");
    }
}
