//! The order saga crashes at every write, forward and backward, on every store.

use saga::SagaState;
use saga::testing::{CrashReport, CrashTest, Ledger};
use saga_tests::BACKENDS;
use saga_tests::order::{OrderProcessing, OrderRequest};
use saga_tests::services::Mood;

/// The states that the order comes to, over all crashes and stores.
fn crash(moods: &[(&'static str, Mood)], check: impl Fn(&CrashReport)) {
    for backend in BACKENDS {
        let moods = moods.to_vec();
        let services = move |world: &Ledger| {
            let shop = OrderProcessing::new(world);
            moods.iter().fold(shop, |shop, (step, mood)| shop.with(step, *mood))
        };
        let test = CrashTest::new(services, || OrderRequest { total_amount: 1_200 }).stores(backend.fresh);
        let report = test.second_deaths(backend.second_deaths).run();
        let report = report.unwrap_or_else(|failure| panic!("{}: {failure}", backend.name));
        println!("{}: {report}", backend.name);
        check(&report);
    }
}

fn always(state: SagaState) -> impl Fn(&CrashReport) {
    move |report| assert_eq!(report.outcomes.get(&state), Some(&report.runs), "{report}")
}

#[test]
fn an_order_that_goes_well_completes_wherever_its_process_dies() {
    crash(&[], |report| {
        assert_eq!(report.writes, 6, "five steps are six writes: {report}");
        always(SagaState::Completed)(report);
    });
}

#[test]
fn an_order_whose_card_is_declined_is_undone_wherever_its_process_dies() {
    crash(&[("process_payment", Mood::Refuses)], always(SagaState::Compensated));
}

#[test]
fn an_order_that_was_paid_without_an_answer_goes_forward_once_the_payment_is_found() {
    crash(&[("process_payment", Mood::Mute)], always(SagaState::Completed));
}

#[test]
fn an_order_that_was_not_paid_without_an_answer_is_undone_once_no_payment_is_found() {
    crash(&[("process_payment", Mood::Silent)], always(SagaState::Compensated));
}

/// Sequential: what stands before the undo that fails is left, and the order waits for an operator.
#[test]
fn an_order_whose_undo_fails_is_parked_wherever_its_process_dies() {
    let moods = [("process_payment", Mood::Refuses), ("undo reserve_inventory", Mood::Refuses)];
    crash(&moods, always(SagaState::Stuck));
}

#[test]
fn an_order_whose_undo_is_busy_for_a_while_is_undone_wherever_its_process_dies() {
    let moods = [("process_payment", Mood::Refuses), ("undo create_order", Mood::Busy(3))];
    crash(&moods, always(SagaState::Compensated));
}

/// Past the pivot nothing is undone; the branch beside the busy one is done all the same.
#[test]
fn an_order_whose_confirmation_is_busy_for_a_while_completes_wherever_its_process_dies() {
    crash(&[("confirm_order", Mood::Busy(2))], always(SagaState::Completed));
}
