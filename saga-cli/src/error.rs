//! What goes wrong, with codes that stay and exit codes for scripts.

use std::process::ExitCode;

use saga::{ErrorCode, SagaId, SagaState, StoreError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Broken = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Store = 5,
    Asked = 6,
    Unwell = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Something that the command line asked for and that could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("no store is named: use --store, or set SAGA_STORE, to sqlite:PATH, postgres://.. or redis://..")]
    NoStore,
    #[error(
        "`{shown}` names no store: write sqlite:PATH, postgres://USER@HOST/DATABASE or redis://HOST:PORT"
    )]
    StoreUrl { shown: String },
    #[error("a store of SQLite has no {option}: leave it out")]
    Option { option: &'static str },
    #[error("there is no saga {saga}: it never was, or it was purged")]
    NotFound { saga: SagaId },
    #[error("`{definition}` has no step `{step}`; it has {known}")]
    UnknownStep { definition: String, step: String, known: String },
    #[error("saga {saga} has ended: it is {state}, and nothing can be asked of it")]
    Ended { saga: SagaId, state: SagaState },
    #[error("saga {saga} is {state}, and only a stuck saga can be {request}")]
    NotStuck { saga: SagaId, state: SagaState, request: &'static str },
    #[error("name the sagas, or use a filter such as --state stuck")]
    NoTarget,
    #[error("ids and filters cannot be used together: name sagas, or filter them")]
    TwoTargets,
    #[error("{alive} workers are alive: leave --now out, and one of them carries it out")]
    WorkersAlive { alive: usize },
    #[error(
        "the shape of `{definition}` is not in the store: only a worker that knows it can give the saga up"
    )]
    NoShape { definition: String },
    #[error("saga {saga} was moved by somebody else meanwhile: look at it again")]
    Moved { saga: SagaId },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

#[cfg(test)]
/// The codes of this program's own errors and findings. `docs/errors.md` explains each.
pub(crate) const CODES: &[&str] = &[
    "SAGA_CLI_NO_STORE",
    "SAGA_CLI_STORE_URL",
    "SAGA_CLI_OPTION",
    "SAGA_CLI_TARGET",
    "SAGA_CLI_WORKERS_ALIVE",
    "SAGA_CLI_NO_SHAPE",
    "SAGA_CLI_MOVED",
    "SAGA_CLI_OUTPUT",
    "SAGA_DOCTOR_NO_WORKER",
    "SAGA_DOCTOR_CLOCK",
    "SAGA_DOCTOR_OVERDUE",
    "SAGA_DOCTOR_RULE",
    "SAGA_DOCTOR_UNREADABLE",
    "SAGA_DOCTOR_UNANSWERED",
    "SAGA_DOCTOR_NO_SHAPE",
];

impl Problem {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoStore => "SAGA_CLI_NO_STORE",
            Self::StoreUrl { .. } => "SAGA_CLI_STORE_URL",
            Self::Option { .. } => "SAGA_CLI_OPTION",
            Self::NotFound { .. } => ErrorCode::NotFound.as_str(),
            Self::UnknownStep { .. } => ErrorCode::UnknownStep.as_str(),
            Self::Ended { .. } => ErrorCode::Ended.as_str(),
            Self::NotStuck { .. } => ErrorCode::NotStuck.as_str(),
            Self::NoTarget | Self::TwoTargets => "SAGA_CLI_TARGET",
            Self::WorkersAlive { .. } => "SAGA_CLI_WORKERS_ALIVE",
            Self::NoShape { .. } => "SAGA_CLI_NO_SHAPE",
            Self::Moved { .. } => "SAGA_CLI_MOVED",
            Self::Store(error) => error.code().as_str(),
            Self::Output(_) => "SAGA_CLI_OUTPUT",
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::NoStore
            | Self::StoreUrl { .. }
            | Self::Option { .. }
            | Self::NoTarget
            | Self::TwoTargets => Exit::Usage,
            Self::NotFound { .. } | Self::UnknownStep { .. } => Exit::NotFound,
            Self::Ended { .. }
            | Self::NotStuck { .. }
            | Self::WorkersAlive { .. }
            | Self::NoShape { .. }
            | Self::Moved { .. } => Exit::Refused,
            Self::Store(StoreError::Broken { .. }) | Self::Output(_) => Exit::Broken,
            Self::Store(_) => Exit::Store,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_each_problem_is_in_the_list() {
        let saga = SagaId::from_bytes([7; 16]);
        let problems = [
            Problem::NoStore,
            Problem::StoreUrl { shown: String::new() },
            Problem::Option { option: "" },
            Problem::NoTarget,
            Problem::TwoTargets,
            Problem::WorkersAlive { alive: 1 },
            Problem::NoShape { definition: String::new() },
            Problem::Moved { saga },
            Problem::Output(std::io::Error::other("")),
        ];
        for problem in problems {
            assert!(CODES.contains(&problem.code()), "{problem}");
        }
    }

    /// Both ways: each code in use has its section in the document, and the document speaks of no other.
    #[test]
    fn the_document_explains_each_code_and_no_other() {
        let document = include_str!("../../docs/errors.md");
        let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.extend(CODES);
        codes.extend(saga_codecs::CodecError::CODES);
        codes.sort_unstable();
        let sections: Vec<&str> = document.split("\n### ").skip(1).collect();
        let mut explained: Vec<&str> = Vec::new();
        for section in &sections {
            let (code, text) = section.split_once('\n').expect("a section has a text");
            explained.push(code.trim_matches('`'));
            for part in ["**What happened.**", "**Why.**", "**What to do.**"] {
                let at = text.find(part).unwrap_or_else(|| panic!("{code} lacks {part}"));
                let words = text[at + part.len()..].split("**").next().unwrap_or_default().trim();
                assert!(words.len() > 15, "{code} says nothing after {part}");
            }
        }
        explained.sort_unstable();
        assert_eq!(explained, codes);
    }

    /// A code that nothing returns any more goes from the list.
    #[test]
    fn each_code_of_the_library_is_returned_somewhere() {
        fn sources(folder: &std::path::Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).expect("the sources are there") {
                let path = entry.expect("the folder is read").path();
                if path.is_dir() {
                    sources(&path, text);
                } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("code.rs") {
                    text.push_str(&std::fs::read_to_string(path).expect("the source is read"));
                }
            }
        }
        let mut text = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../saga/src"), &mut text);
        for code in ErrorCode::ALL {
            assert!(text.contains(&format!("ErrorCode::{code:?}")), "nothing returns {code}");
        }
    }
}
