//! Over a file, while an application has it open and while none does.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{App, Place, run, scenario};
use saga::SagaId;
use saga::store::Store;
use saga_sqlite::SqliteStore;

/// A folder of a test's own, deleted with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SagaId::new().to_string());
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("sagas.db")
    }

    fn place(&self) -> Place {
        Place { url: format!("sqlite:{}", self.file().display()), space: None }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.file()).await.unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_operator_can_do_all_of_a_day() {
    let folder = Folder::new();
    scenario::day(&folder.place(), || folder.open());
}

#[test]
fn nothing_is_driven_given_up_or_migrated_in_a_file_that_a_process_has_open() {
    let folder = Folder::new();
    let app = App::start(folder.open());
    let (stuck, _) = app.saga(5_000, "c-1");
    for arguments in [&["abandon", &stuck.to_string(), "--note", "now", "--now"][..], &["migrate"]] {
        let ran = folder.place().run(arguments).code(5);
        assert!(ran.err.contains("SAGA_STORE_IN_USE") && ran.err.contains("opened by process"), "{ran:?}");
    }
    app.stop();
    folder.place().run(&["migrate"]).code(0);
}

#[test]
fn a_missing_file_is_told_and_not_made() {
    let folder = Folder::new();
    let ran = folder.place().run(&["list"]).code(5);
    assert!(ran.err.contains("SAGA_STORE_UNUSABLE") && ran.err.contains("there is no file"), "{ran:?}");
    assert!(std::fs::read_dir(&folder.0).unwrap().next().is_none(), "something was made");
}

#[test]
fn a_file_without_tables_is_told_and_left_alone() {
    let folder = Folder::new();
    std::fs::write(folder.file(), []).unwrap();
    let ran = folder.place().run(&["stats"]).code(5);
    assert!(ran.err.contains("has no tables of ours"), "{ran:?}");
    assert_eq!(std::fs::metadata(folder.file()).unwrap().len(), 0);
    let migrated = folder.place().run(&["migrate", "--json"]).code(0).json();
    assert_eq!(migrated["is_current"], true);
    folder.place().run(&["stats"]).code(0);
}

#[test]
fn an_unknown_saga_is_not_found() {
    let folder = Folder::new();
    folder.place().run(&["migrate"]).code(0);
    let id = SagaId::new().to_string();
    for arguments in [&["show", &id][..], &["cancel", &id, "--reason", "why"], &["export", &id]] {
        let ran = folder.place().run(arguments).code(3);
        assert!(ran.err.contains("SAGA_NOT_FOUND") && ran.err.contains(&id), "{ran:?}");
        assert_eq!(ran.out, "");
    }
    let ran = folder.place().run(&["--json", "show", &id]).code(3);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["code"], "SAGA_NOT_FOUND");
}

#[test]
fn a_wrong_command_line_is_told_with_what_is_right() {
    let cases = [
        (&["list"][..], "SAGA_CLI_NO_STORE"),
        (&["--store", "orders.db", "list"], "SAGA_CLI_STORE_URL"),
        (&["--store", "mysql://me:secret@db/x", "list"], "SAGA_CLI_STORE_URL"),
        (&["--store", "sqlite:", "list"], "SAGA_CLI_STORE_URL"),
        (&["--store", "sqlite:x.db", "--space", "y", "list"], "SAGA_CLI_OPTION"),
        (&["--store", "sqlite:x.db", "show", "17"], "is no saga id"),
        (&["--store", "sqlite:x.db", "list", "--state", "lost"], "is no saga state"),
        (&["--store", "sqlite:x.db", "list", "--since", "soon"], "is no time"),
        (&["--store", "sqlite:x.db", "list", "--label", "customer"], "is no label"),
        (&["--store", "sqlite:x.db", "skip", "0190163d-8694-739b-aea5-966c26f8ad91"], "--note"),
    ];
    for (arguments, expected) in cases {
        let ran = run(arguments).code(2);
        assert!(ran.err.contains(expected), "{arguments:?}: {ran:?}");
        assert!(!ran.err.contains("secret"), "{ran:?}");
    }
    let folder = Folder::new();
    folder.place().run(&["migrate"]).code(0);
    let ran = folder.place().run(&["retry"]).code(2);
    assert!(ran.err.contains("SAGA_CLI_TARGET"), "{ran:?}");
}

#[test]
fn a_server_that_does_not_answer_is_told_without_the_password() {
    for url in ["postgres://me:hush@127.0.0.1:1/shop", "redis://:hush@127.0.0.1:1"] {
        let ran = run(&["--store", url, "list"]).code(5);
        assert!(ran.err.contains("SAGA_STORE_UNAVAILABLE"), "{ran:?}");
        assert!(!ran.err.contains("hush"), "{ran:?}");
    }
}

#[test]
fn a_journal_that_was_written_to_by_hand_is_found_by_the_doctor() {
    let folder = Folder::new();
    let app = App::start(folder.open());
    let (cheap, _) = app.saga(500, "c-1");
    app.stop();
    folder.place().run(&["doctor", "--ended"]).code(0);
    let by_hand = rusqlite::Connection::open(folder.file()).unwrap();
    let spoil = "UPDATE journal SET event = replace(event, '\"step\":1', '\"step\":0') WHERE sequence = 2";
    assert_eq!(by_hand.execute(spoil, []).unwrap(), 1);
    let ran = folder.place().run(&["doctor", "--ended"]).code(7);
    assert!(ran.out.contains("SAGA_DOCTOR_RULE") && ran.out.contains("[done_once]"), "{ran:?}");
    assert!(ran.out.contains(&cheap.to_string()));

    // The same, where nobody knows the definition: what the journal alone tells is found.
    by_hand.execute("DELETE FROM definitions", []).unwrap();
    let ran = folder.place().run(&["doctor", "--ended"]).code(0);
    assert!(ran.out.contains("SAGA_DOCTOR_NO_SHAPE"), "{ran:?}");
    by_hand.execute("UPDATE sagas SET state = 'failed', ended_at = NULL", []).unwrap();
    let ran = folder.place().run(&["doctor", "--ended"]).code(7);
    assert!(ran.out.contains("its row says failed, its journal completed"), "{ran:?}");
    by_hand.execute("UPDATE journal SET event = 'nonsense' WHERE sequence = 2", []).unwrap();
    let ran = folder.place().run(&["doctor", "--ended"]).code(7);
    assert!(ran.out.contains("SAGA_DOCTOR_UNREADABLE"), "{ran:?}");
}

#[test]
fn the_completion_of_each_shell_is_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&["completion", shell]).code(0);
        assert!(ran.out.contains("abandon"), "{shell}");
    }
}

#[test]
fn the_help_names_the_exit_codes_and_no_password() {
    let ran = run(&["--help"]).code(0);
    assert!(ran.out.contains("Exit codes: 0 done") && ran.out.contains("docs/errors.md"), "{ran:?}");
}
