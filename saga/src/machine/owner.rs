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
}
