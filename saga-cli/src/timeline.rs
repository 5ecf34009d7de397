//! A saga's attempts as bars on one time axis.

use std::fmt::Write as _;
use std::time::Duration;

use saga::Timestamp;

use crate::story::{Outcome, Story, What};
use crate::time::short;

/// How many characters the axis is wide.
const WIDTH: usize = 56;

/// What the characters mean.
pub(crate) const LEGEND: &str = "# done  x failed  ? in doubt  = asked whether it took effect  < undone  ! by hand  | taken up by a worker";

/// One line a step and direction; its bars are drawn to scale, and the shortest is seen too.
pub(crate) fn timeline(story: &Story<'_>) -> String {
    let rows = rows(story);
    let ends = rows.iter().flat_map(|row| row.bars.iter().map(|bar| bar.to));
    let begins = rows.iter().flat_map(|row| row.bars.iter().map(|bar| bar.from));
    let (Some(from), Some(to)) = (begins.min(), ends.max()) else {
        return "  nothing has been attempted yet\n".to_owned();
    };
    let axis = Axis { from, length: to.since(from).max(Duration::from_micros(1)) };
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    for row in &rows {
        let mut line = ['.'; WIDTH];
        for bar in &row.bars {
            let begin = axis.column(bar.from).min(WIDTH - 1);
            let end = axis.column(bar.to).clamp(begin + 1, WIDTH);
            line[begin..end].fill(bar.fill);
        }
        let line: String = line.iter().collect();
        let first = row.bars.iter().map(|bar| bar.from).min().unwrap_or(from);
        let last = row.bars.iter().map(|bar| bar.to).max().unwrap_or(from);
        let times = match row.bars.len() {
            0 | 1 => String::new(),
            count => format!(", {count} times"),
        };
        let (begin, took) = (short(first.since(from)), short(last.since(first)));
        _ = writeln!(text, "  {:width$}  {line}  +{begin} for {took}{times}", row.name);
    }
    let claims: Vec<usize> =
        story.claims.iter().filter(|at| (from..=to).contains(at)).map(|at| axis.column(*at)).collect();
    if !claims.is_empty() {
        let mut line = [' '; WIDTH];
        for column in claims {
            line[column.min(WIDTH - 1)] = '|';
        }
        let line: String = line.iter().collect();
        _ = writeln!(text, "  {:width$}  {}", "", line.trim_end());
    }
    text
}

struct Row {
    name: String,
    bars: Vec<Bar>,
}

#[derive(Clone, Copy)]
struct Bar {
    from: Timestamp,
    to: Timestamp,
    fill: char,
}

struct Axis {
    from: Timestamp,
    length: Duration,
}

impl Axis {
    fn column(&self, at: Timestamp) -> usize {
        let width = u128::try_from(WIDTH).unwrap_or_default();
        usize::try_from(at.since(self.from).as_micros() * width / self.length.as_micros()).unwrap_or(WIDTH)
    }
}

/// In the order in which they began, the undos after all else.
fn rows(story: &Story<'_>) -> Vec<Row> {
    let mut rows: Vec<(What, Timestamp, Row)> = Vec::new();
    for step in &story.steps {
        for what in [What::Execute, What::Verify, What::Undo] {
            let name = match what {
                What::Execute => step.name.clone(),
                What::Verify => format!("verify {}", step.name),
                What::Undo => format!("undo {}", step.name),
            };
            let of_row = step.attempts.iter().filter(|attempt| attempt.what == what);
            let bars: Vec<Bar> = of_row
                .map(|attempt| Bar { from: attempt.from, to: attempt.to, fill: fill(what, attempt.result) })
                .collect();
            if let Some(first) = bars.iter().map(|bar| bar.from).min() {
                rows.push((what, first, Row { name, bars }));
            }
        }
    }
    // Stable: steps that began together stay in the order of the flow.
    rows.sort_by_key(|(what, first, _)| (*what == What::Undo, *first));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

const fn fill(what: What, result: Outcome) -> char {
    match (what, result) {
        (_, Outcome::ByHand) => '!',
        (_, Outcome::InDoubt) => '?',
        (_, Outcome::Failed) => 'x',
        (What::Verify, _) | (_, Outcome::Absent) => '=',
        (_, Outcome::Undone) => '<',
        (_, Outcome::Done) => '#',
    }
}
