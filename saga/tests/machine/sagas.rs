//! Small definitions, in short.

use saga::policy::{RetryPolicy, fixed, millis, no_retry, secs, sequential};
use saga::{Definition, StepDefinition, StepKind};

/// A saga of steps in these stages, each a step's name with marks: `!` pivot, `>` retriable, `-` nothing to undo,
/// `?` with a `verify`, `1` at most once, `~` an undo that doesn't take the output. Nothing is retried.
pub(crate) fn of(stages: &[&[&'static str]]) -> Definition {
    of_retrying(stages, no_retry())
}

/// Like [`of`], with one retry a second later.
pub(crate) fn of_stubborn(stages: &[&[&'static str]]) -> Definition {
    of_retrying(stages, fixed(1, secs(1)).jitter(0.0))
}

fn of_retrying(stages: &[&[&'static str]], retry: RetryPolicy) -> Definition {
    let mut steps = Vec::new();
    let mut indexes = Vec::new();
    for stage in stages {
        indexes.push((steps.len()..steps.len() + stage.len()).collect());
        for &text in *stage {
            let (name, marks) = text.split_at(1);
            let kind = match marks {
                marks if marks.contains('!') => StepKind::Pivot,
                marks if marks.contains('>') => StepKind::Retriable,
                marks if marks.contains('-') => StepKind::NothingToUndo,
                _ => StepKind::Compensatable,
            };
            let mut step = StepDefinition::new(name, kind);
            step.has_verify = marks.contains('?');
            step.at_most_once = marks.contains('1');
            step.undo_takes_output = !marks.contains('~');
            steps.push(step);
        }
    }
    let mut definition = Definition::new("table", 1, steps, indexes);
    definition.retry = Some(retry);
    definition.compensation = Some(sequential(millis(100)).retry(retry));
    definition.check().expect("a table's definition fits together");
    definition
}
