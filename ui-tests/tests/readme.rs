//! The errors that the README shows are the compiler's.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn each_error_in_the_readme_is_what_the_compiler_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("../README.md")).unwrap();
    let recorded: Vec<String> = recorded(&root.join("fail"))
        .iter()
        .map(|file| fs::read_to_string(file).unwrap().trim_end().to_owned())
        .collect();
    let shown: Vec<&str> = readme
        .split("```")
        .filter_map(|block| block.strip_prefix("text\n"))
        .filter(|block| is_error(block))
        .collect();
    assert!(shown.len() >= 2, "the README shows {} errors", shown.len());
    for error in shown {
        assert!(recorded.iter().any(|recorded| recorded == error.trim_end()), "nobody says this:\n{error}");
    }
}

fn is_error(block: &str) -> bool {
    block.starts_with("error")
}

/// All `.stderr` files of the topics.
fn recorded(fail: &Path) -> Vec<PathBuf> {
    let topics = fs::read_dir(fail).unwrap().map(|topic| topic.unwrap().path());
    let files = topics.flat_map(|topic| fs::read_dir(topic).unwrap()).map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "stderr")).collect()
}
