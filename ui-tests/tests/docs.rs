//! What a user's documentation shows of a saga is the user's, and nothing of the generated code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_documentation_of_a_saga_shows_nothing_of_our_insides() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let output = Command::new(env!("CARGO"))
        .args(["doc", "--quiet", "--no-deps", "-p", "saga-ui-minimal", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pages = pages(&target.join("doc/saga_ui_minimal"));
    let shop = pages.iter().find(|page| page.ends_with("struct.Shop.html")).expect("the saga has a page");
    assert!(text(shop).contains("impl Saga for Shop"), "its page says that it is a saga");
    for page in &pages {
        let text = text(page);
        for inside in ["__Saga", "__Private", "__private", "StepCalls", "Slots", "THE_FLOW"] {
            assert!(!text.contains(inside), "{} shows `{inside}`", page.display());
        }
    }
}

/// The words of a page, without its tags.
fn text(page: &Path) -> String {
    let html = fs::read_to_string(page).unwrap();
    let body = html.split_once("<body").expect("a page has a body").1;
    let without_tags = body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    without_tags.collect()
}

/// All pages below this directory, but those that show the source.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut pages = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            pages.extend(self::pages(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "html") {
            pages.push(entry);
        }
    }
    pages
}
