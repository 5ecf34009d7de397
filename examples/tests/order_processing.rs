//! The order example as a process of its own: undisturbed, crashing by itself, and killed from outside.

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use common::{directory, example, printed};
use rusqlite::Connection;
use saga_sqlite::SqliteStore;

fn run(db: &Path, arguments: &[&str]) -> Output {
    let run = example("order_processing").arg("--db").arg(db).args(arguments).output();
    run.expect("the example can be run")
}

fn ledger(db: &Path) -> Connection {
    Connection::open(db.with_extension("ledger.db")).expect("the example has made its ledger")
}

/// Runs what is left, and demands that the books balance: by the example's own word, and by ours.
fn finish(db: &Path) -> String {
    let output = run(db, &[]);
    let printed = printed(&output);
    assert!(output.status.success(), "{}:\n{printed}", output.status);
    assert!(printed.contains("They balance"), "{printed}");
    let ledger = ledger(db);
    for (law, exceptions) in LAWS {
        let exceptions: u64 = ledger.query_row(exceptions, [], |row| row.get(0)).expect("the law is SQL");
        assert_eq!(exceptions, 0, "{law}:\n{printed}");
    }
    printed
}

/// What holds in the books once no order is under way, with the query that counts the exceptions.
const LAWS: [(&str, &str); 5] = [
    (
        "no order is charged twice",
        "SELECT count(*) - count(DISTINCT order_id) FROM payments WHERE status = 'charged'",
    ),
    (
        "whoever is charged has an order of that price, which stands",
        "SELECT count(*) FROM payments LEFT JOIN orders ON orders.id = order_id AND orders.status <> 'cancelled'
         WHERE payments.status = 'charged' AND amount_cents IS NOT total_cents",
    ),
    (
        "a confirmed order is charged, and its customer has mail",
        "SELECT count(*) FROM orders WHERE status = 'confirmed'
         AND (id NOT IN (SELECT order_id FROM payments WHERE status = 'charged')
              OR id NOT IN (SELECT order_id FROM notifications))",
    ),
    (
        "only an order that stands holds stock",
        "SELECT count(*) FROM reservations LEFT JOIN orders ON orders.id = order_id
         WHERE reservations.status = 'held' AND orders.status = 'cancelled'",
    ),
    (
        "what is not on the shelf is held",
        "SELECT count(*) FROM stock WHERE initial <> available
         + (SELECT coalesce(sum(quantity), 0) FROM reservations WHERE sku = stock.sku AND status = 'held')",
    ),
];

fn db(test: &str) -> PathBuf {
    directory(test).join("orders.db")
}

#[test]
fn undisturbed_each_order_ends_as_it_must() {
    let printed = finish(&db("undisturbed"));
    for (order, ending) in [
        ("o-01", "completed: sent off"),
        ("o-03", "compensated: `process_payment` failed in attempt 1 (business CARD_DECLINED)"),
        ("o-05", "completed: sent off"),
        ("o-07", "completed: sent off"),
        ("o-10", "compensated: `reserve_inventory` failed in attempt 1 (business OUT_OF_STOCK)"),
        ("o-12", "compensated: `process_payment` failed in attempt 4 (transient): gateway busy"),
        ("o-14", "compensated: `process_payment` failed in attempt 4 (in doubt): no answer in time"),
        ("o-18", "stuck: the undo of `reserve_inventory` failed in attempt 4 (transient)"),
    ] {
        let line = printed.lines().find(|line| line.trim_start().starts_with(&format!("{order}  ")));
        assert!(line.is_some_and(|line| line.contains(ending)), "{order} is not {ending}:\n{printed}");
    }
    assert!(printed.contains("orders     23 confirmed, 8 cancelled, 1 open"), "{printed}");
    let timeline = ["create_order ", "process_payment ", "undo reserve_inventory ", "undo create_order "];
    assert!(timeline.iter().all(|row| printed.contains(row)), "{printed}");
}

#[test]
fn a_second_run_starts_nothing_again() {
    let db = db("second_run");
    let books = |printed: &str| printed.split_once("The books").map(|(_, books)| books.to_owned());
    let first = books(&finish(&db));
    // Not a single call more to any service.
    assert_eq!(books(&finish(&db)), first);
}

#[test]
fn reset_begins_again() {
    let db = db("reset");
    finish(&db);
    let printed = printed(&run(&db, &["--reset"]));
    // One call an order: the ones of the first run are forgotten.
    assert!(printed.contains("calls      create order      32 for 32 orders"), "{printed}");
    assert!(printed.contains("They balance"), "{printed}");
}

#[test]
fn after_a_crash_the_next_run_finishes_what_is_left() {
    for crashes in [1, 2] {
        let db = db(&format!("crash_{crashes}"));
        for _ in 0..crashes {
            let output = run(&db, &["--crash"]);
            let printed = printed(&output);
            assert!(!output.status.success(), "{printed}");
            assert!(printed.contains("crash: ") && printed.contains("has more to undo"), "{printed}");
        }
        let printed = finish(&db);
        assert!(printed.contains("An earlier run left"), "{printed}");
        assert!(printed.contains("compensating") && printed.contains("(crash)"), "{printed}");
    }
}

#[test]
fn runs_that_all_crash_get_it_done_too() {
    let db = db("crash_until_done");
    let runs = (0..20).map(|_| run(&db, &["--crash"]));
    let crashes = runs.take_while(|output| !output.status.success()).count();
    assert!((2..20).contains(&crashes), "{crashes} crashes");
    finish(&db);
}

#[test]
fn killed_at_any_moment_nobody_is_charged_twice() {
    std::thread::scope(|scope| {
        for seed in 0..8 {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                let db = db(&format!("killed_{seed}"));
                for _ in 0..random.usize(1..=3) {
                    kill_somewhere(&db, &mut random);
                }
                finish(&db);
            });
        }
    });
}

/// Kills a run a random moment after a random number of orders has ended, or a run that is over, if it was faster.
fn kill_somewhere(db: &Path, random: &mut fastrand::Rng) {
    let mut run = example("order_processing");
    let mut run = run.arg("--db").arg(db).stdout(Stdio::piped()).spawn().expect("the example can be run");
    // Open until the end: a run that can't print dies of that, and not by our hand.
    let mut lines = BufReader::new(run.stdout.take().expect("it is piped")).lines();
    for line in lines.by_ref().take(random.usize(0..20)) {
        line.expect("it prints text");
    }
    std::thread::sleep(Duration::from_millis(random.u64(0..40)));
    run.kill().expect("a child can be killed, also one that has ended");
    run.wait().expect("a child can be waited for");
}

#[tokio::test]
async fn only_one_process_works_on_the_orders() {
    let db = db("in_use");
    let _store = SqliteStore::open(&db).await.unwrap();
    for arguments in [[].as_slice(), &["--reset"]] {
        let output = run(&db, arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(printed(&output).contains("is in use already"), "{}", printed(&output));
        assert!(db.exists());
    }
}

#[test]
fn a_charge_that_no_saga_knows_of_is_found() {
    let db = db("tampered");
    finish(&db);
    let charge =
        "INSERT INTO payments VALUES ('by hand', 'o-03', 1, 'charged'), ('again', 'o-01', 1, 'charged')";
    ledger(&db).execute(charge, []).unwrap();
    let output = run(&db, &[]);
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("They do NOT balance"), "{printed}");
    assert!(printed.contains("o-03 is compensated, but it is charged"), "{printed}");
    assert!(printed.contains("o-01: it is charged, but wrongly or twice"), "{printed}");
}
