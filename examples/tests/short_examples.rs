//! Each short example runs, and says what its file is about.

mod common;

/// Runs an example, and demands all of these texts in what it prints, in this order.
fn prints(name: &str, texts: &[&str]) {
    let output = common::example(name).output().expect("the example can be run");
    let printed = common::printed(&output);
    assert!(output.status.success(), "{name} ended with {}:\n{printed}", output.status);
    let mut rest = printed.as_str();
    for text in texts {
        let (_, after) = rest.split_once(text).unwrap_or_else(|| {
            panic!("{name} doesn't print `{text}`, or not in its place:\n{printed}");
        });
        rest = after;
    }
}

#[test]
fn checkout_in_memory_undoes_and_hands_on_the_code() {
    prints(
        "checkout_in_memory",
        &[
            "completed: row 1, seat 5; row 1, seat 6",
            "undo hold_seats  [3, 4] are free again",
            "business CARD_BLOCKED",
            "undo charge_card 120 EUR",
            "undo hold_seats  [2, 3, 4]",
            "`print_tickets` failed in attempt 3 (transient)",
            "sold out: 9 seats wanted, 4 free",
            "Free seats:  [1, 2, 3, 4]",
            "Charges:     [(\"Ada's\", 80)]",
        ],
    );
}

#[test]
fn a_fleet_without_a_server_says_how_to_start_one() {
    let mut fleet = common::example("fleet");
    let output = fleet.env("SAGA_POSTGRES_URL", "postgres://postgres@127.0.0.1:1/test").output();
    let output = output.expect("the example can be run");
    let printed = common::printed(&output);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("PostgreSQL at 127.0.0.1:1, database `test` cannot be reached"), "{printed}");
    assert!(
        printed.contains("`docker compose up -d` starts one, SAGA_POSTGRES_URL names another"),
        "{printed}"
    );
}

#[test]
fn compensation_strategies_differ_in_what_a_failed_undo_means() {
    prints(
        "compensation_strategies",
        &[
            "sequential: compensated",
            "parallel: compensated",
            "best effort: compensated",
            "custom: compensated",
            "sequential: stuck: the undo of `book_flight`",
            "parallel: failed",
            "not undone: `book_flight`",
            "undo book_hotel",
            "best effort: failed",
            "undo book_hotel",
            "custom: failed",
        ],
    );
}

#[test]
fn parallel_steps_overlap() {
    prints("parallel_steps", &["completed: 645 EUR", "bill", "business HOTEL_FULL", "undo flight for Ada"]);
}

#[test]
fn in_doubt_ends_as_honestly_as_it_can() {
    prints(
        "in_doubt",
        &[
            "1. ",
            "completed",
            "calls to the bank: 3; transfers that it made: 1",
            "2. ",
            "(seat 17 is free again)",
            "failed: `pay_unverified`",
            "nobody knows whether it took effect",
            "3. ",
            "stuck: nobody knows whether the pivot `pay_pivot` took effect",
            "4. ",
            "completed",
            "calls to the bank: 1; transfers that it made: 1",
            "5. ",
            "stuck",
            "supplied by hand, and completed: a ticket, paid by transfer 4711",
        ],
    );
}

#[test]
fn testing_your_saga_finds_the_mistake_that_only_a_crash_shows() {
    prints(
        "testing_your_saga",
        &[
            "good card: all is well after 5 writes",
            "completed",
            "bad card: all is well after 6 writes",
            "compensated",
            "ForgetfulShop",
            "after death after call",
            "`put_aside` left an effect, and the saga says that everything is undone",
        ],
    );
}
