//! Examples, run as processes.

use std::path::PathBuf;
use std::process::{Command, Output};

/// A run of the compiled example of this name. `cargo test` builds the examples before it runs the tests.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own file");
    let target = test.ancestors().nth(2).expect("a test lies in `deps` of the target directory");
    let example = target.join("examples").join(name);
    assert!(example.exists(), "{} is not built: run `cargo test -p saga-examples`", example.display());
    Command::new(example)
}

/// What a run printed, with its errors, for a test that wants to show it.
pub(crate) fn printed(output: &Output) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{errors}")
}

/// An empty directory of this name.
#[allow(dead_code, reason = "each test file is a crate of its own, and not all of them want one")]
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("the directory of an earlier test can be deleted");
    }
    std::fs::create_dir_all(&path).expect("the target directory can be written");
    path
}
