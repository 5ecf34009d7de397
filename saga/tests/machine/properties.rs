//! What holds for every saga, however it goes. `PROPTEST_CASES` says how many are tried.

use proptest::prelude::*;
use saga::Definition;
use saga::machine::{Event, Record, SagaState, fold, invariants_with};

use crate::definitions::any_definition;
use crate::simulator::{Simulator, any_event};
use crate::tape::Tape;

/// Rules that only a journal's writer can keep: the fold reads what earlier versions of a definition, with other
/// policies, wrote.
const OF_THE_WRITER: [&str; 6] =
    ["one_start", "within_policy", "recorded_starts", "plan_of_strategy", "stuck_reason", "given_up_report"];

fn any_tape() -> impl Strategy<Value = Tape> {
    prop::collection::vec(any::<u8>(), 0..120).prop_map(Tape::new)
}

/// A driven saga that keeps to the rules.
fn driven<'a>(definition: &'a Definition, tape: &Tape) -> Result<Simulator<'a>, TestCaseError> {
    let mut simulator = Simulator::start(definition, tape.clone());
    let state = simulator.drive();
    prop_assert!(state.is_ended() || state == SagaState::Stuck);
    let broken = simulator.broken();
    prop_assert!(broken.is_empty(), "{broken:#?}\n{}", simulator.tale());
    Ok(simulator)
}

/// The rules that the fold keeps by itself and that these records break.
fn broken_by_the_fold(simulator: &Simulator<'_>) -> Vec<String> {
    let violations = invariants_with(simulator.definition, &simulator.defaults, &simulator.journal);
    let of_the_fold = violations.iter().filter(|violation| !OF_THE_WRITER.contains(&violation.rule));
    of_the_fold.map(ToString::to_string).collect()
}

proptest! {
    // What is found becomes a row of a table, and not a seed in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_saga_ends_or_is_parked_and_keeps_to_the_rules(definition in any_definition(), tape in any_tape()) {
        driven(&definition, &tape)?;
    }

    #[test]
    fn every_prefix_of_a_journal_resumes_to_an_end_that_the_rules_allow(
        definition in any_definition(), tape in any_tape(), after in any_tape(),
    ) {
        let simulator = driven(&definition, &tape)?;
        let last = simulator.journal.len() - usize::from(simulator.state.saga_state().is_ended());
        for length in 1..=last {
            for tape in [Tape::default(), after.clone()] {
                let mut resumed = Simulator::resume(&definition, &simulator.journal[..length], tape);
                let state = resumed.drive();
                prop_assert!(state.is_ended() || state == SagaState::Stuck);
                let broken = resumed.broken();
                prop_assert!(broken.is_empty(), "cut after {length}: {broken:#?}\n{}", resumed.tale());
            }
        }
    }

    #[test]
    fn an_event_that_does_not_fit_is_refused(
        definition in any_definition(), tape in any_tape(), intruder in any_tape(), events in any_tape(),
    ) {
        let simulator = driven(&definition, &tape)?;
        let last = simulator.journal.len() - usize::from(simulator.state.saga_state().is_ended());
        for length in 1..=last {
            let mut resumed = Simulator::resume(&definition, &simulator.journal[..length], intruder.clone());
            for _ in 0..8 {
                // Refused, or one that fits the rules as they are.
                _ = resumed.try_record(any_event(&definition, &events));
            }
            if !resumed.state.saga_state().is_ended() {
                // And what fitted leads to no dead end.
                resumed = Simulator::resume(&definition, &resumed.journal, Tape::default());
                let state = resumed.drive();
                prop_assert!(state.is_ended() || state == SagaState::Stuck);
            }
            let broken = broken_by_the_fold(&resumed);
            prop_assert!(broken.is_empty(), "{broken:#?}\n{}", resumed.tale());
        }
    }

    #[test]
    fn a_changed_journal_is_refused_or_keeps_to_the_rules(
        definition in any_definition(), tape in any_tape(), events in any_tape(), at in any::<prop::sample::Index>(),
    ) {
        let mut simulator = driven(&definition, &tape)?;
        let at = at.index(simulator.journal.len());
        match events.choose(4) {
            0 => _ = simulator.journal.remove(at),
            1 => simulator.journal[at].event = any_event(&definition, &events),
            2 => {
                let again = simulator.journal[at].clone();
                simulator.journal.insert(at, again);
            }
            _ => {
                let other = events.choose(simulator.journal.len());
                simulator.journal.swap(at, other);
            }
        }
        renumber(&mut simulator.journal);
        if fold(&definition, &simulator.journal).is_ok() {
            let broken = broken_by_the_fold(&simulator);
            prop_assert!(broken.is_empty(), "{broken:#?}\n{}", simulator.tale());
        }
    }

    #[test]
    fn a_journal_read_back_is_the_same_and_folds_to_the_same(definition in any_definition(), tape in any_tape()) {
        let simulator = driven(&definition, &tape)?;
        let mut read_back = simulator.journal.clone();
        for record in &mut read_back {
            let payload = record.event.payload().cloned().unwrap_or_default();
            record.event = Event::decode(&record.event.encode(), payload).expect("what was encoded is read");
        }
        prop_assert_eq!(&read_back, &simulator.journal);
        prop_assert_eq!(&fold(&definition, &read_back).expect("it folds"), &simulator.state);
    }
}

fn renumber(journal: &mut [Record]) {
    for (record, sequence) in journal.iter_mut().zip(0..) {
        record.sequence = sequence;
    }
}
