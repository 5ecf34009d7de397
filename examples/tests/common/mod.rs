//! Examples, run as processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run of the compiled example of this name. A plain `cargo test` builds the examples before it runs the tests;
/// with `--test` it doesn't, so we look whether what we run is what the sources say.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own file");
    let target = test.ancestors().nth(2).expect("a test lies in `deps` of the target directory");
    let example = target.join("examples").join(name);
    assert!(is_fresh(&example), "{} is not built, or old: run `cargo build --examples`", example.display());
    Command::new(example)
}

/// Whether a program is younger than each of its sources, as cargo lists them beside it: `program: source source`.
fn is_fresh(program: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified());
    let (Ok(built), Ok(sources)) = (time(program), std::fs::read_to_string(program.with_extension("d")))
    else {
        return false;
    };
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split_whitespace().skip(1).map(|source| source.replace('\0', " "));
    sources.map(PathBuf::from).all(|source| time(&source).is_ok_and(|changed| changed <= built))
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
