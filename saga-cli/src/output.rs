//! What is printed: text for people, JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};

use saga::SagaState;
use serde_json::{Value, json};

use crate::args::Color;
use crate::error::Problem;

pub(crate) struct Output {
    is_json: bool,
    is_colored: bool,
    is_error_colored: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool, color: Color) -> Self {
        let wanted = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let is_colored = wanted(io::stdout().is_terminal()) && !is_json;
        Self { is_json, is_colored, is_error_colored: wanted(io::stderr().is_terminal()) && !is_json }
    }

    /// Writes a text, or a JSON value on a line of its own; only the one that is wanted is made.
    pub(crate) fn write(
        &self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> Value,
    ) -> Result<(), Problem> {
        if self.is_json { Self::line(&value().to_string()) } else { raw(&text()) }
    }

    /// Writes a line.
    pub(crate) fn line(line: &str) -> Result<(), Problem> {
        raw(&format!("{line}\n"))
    }

    /// Clears the terminal, where it is one.
    pub(crate) fn clear(&self) -> Result<(), Problem> {
        if self.is_colored && io::stdout().is_terminal() { raw("\x1b[2J\x1b[H") } else { Ok(()) }
    }

    /// Says what went wrong.
    pub(crate) fn problem(&self, problem: &Problem) {
        let (code, message) = (problem.code(), problem.to_string());
        let line = if self.is_json {
            json!({ "error": { "code": code, "message": message } }).to_string()
        } else {
            let head = paint(self.is_error_colored, "31;1", "error");
            format!("{head}[{code}]: {message}")
        };
        // There is nobody left to tell.
        _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Says something beside the output.
    pub(crate) fn aside(&self, text: &str) {
        if !self.is_json {
            _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        paint(self.is_colored, "1", text)
    }

    pub(crate) fn faint(&self, text: &str) -> String {
        paint(self.is_colored, "2", text)
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        paint(self.is_colored, "31", text)
    }

    /// A text in the colour of a state.
    pub(crate) fn of_state(&self, state: SagaState, text: &str) -> String {
        let color = match state {
            SagaState::Completed => "32",
            SagaState::Pending | SagaState::Running | SagaState::Compensating => "36",
            SagaState::Compensated | SagaState::Cancelled | SagaState::TimedOut => "33",
            SagaState::Failed | SagaState::Stuck => "31;1",
        };
        paint(self.is_colored, color, text)
    }
}

fn raw(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn paint(is_colored: bool, color: &str, text: &str) -> String {
    if is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A text that comes from a store, without what a terminal would take for a command.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter })
        .collect()
}
