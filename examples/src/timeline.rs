//! Bars on a common time axis, drawn in text.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many characters a timeline is wide.
const WIDTH: usize = 48;

/// Rows of bars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    bars: Vec<Bar>,
    marks: Vec<Bar>,
}

/// A span of time, and the character that it is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Its beginning, from that of the timeline.
    pub from: Duration,
    /// Its end.
    pub to: Duration,
    /// What it is drawn with.
    pub fill: char,
}

impl Timeline {
    /// Adds a bar to the row of this name, which is made at the bottom if there is none.
    pub fn add(&mut self, name: &str, bar: Bar) {
        self.row(name).bars.push(bar);
    }

    /// Marks a point in time in the row of this name.
    pub fn mark(&mut self, name: &str, at: Duration, fill: char) {
        self.row(name).marks.push(Bar { from: at, to: at, fill });
    }

    fn row(&mut self, name: &str) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name: name.to_owned(), bars: Vec::new(), marks: Vec::new() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    fn end(&self) -> Duration {
        let ends = self.rows.iter().flat_map(|row| &row.bars).map(|bar| bar.to);
        ends.max().unwrap_or_default().max(Duration::from_millis(1))
    }
}

/// A timeline that is drawn while things happen.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    timeline: Mutex<Timeline>,
}

impl Recorder {
    /// An empty one, beginning now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), timeline: Mutex::default() }
    }

    /// Takes `duration`, as a call to a service does, and draws it in the row of this name.
    pub async fn take(&self, name: &str, duration: Duration, fill: char) {
        let from = self.start.elapsed();
        tokio::time::sleep(duration).await;
        let bar = Bar { from, to: self.start.elapsed(), fill };
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner).add(name, bar);
    }

    /// What is drawn.
    #[must_use]
    pub fn timeline(self) -> Timeline {
        self.timeline.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line a row: its name, its bars and marks, from when to when the bars reach, and how many of them there are if
/// more than one.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end();
        let name_width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        for Row { name, bars, marks } in &self.rows {
            let mut line = ['·'; WIDTH];
            for bar in bars.iter().chain(marks) {
                let from = column(bar.from, end).min(WIDTH - 1);
                // The shortest bar is seen too.
                let to = column(bar.to, end).clamp(from + 1, WIDTH);
                line[from..to].fill(bar.fill);
            }
            let line: String = line.iter().collect();
            write!(f, "      {name:name_width$}  {line}")?;
            let from = bars.iter().map(|bar| bar.from.as_millis()).min();
            let to = bars.iter().map(|bar| bar.to.as_millis()).max();
            if let (Some(from), Some(to)) = (from, to) {
                write!(f, "  {from:>4} - {to:>4} ms")?;
            }
            match bars.len() {
                0 | 1 => writeln!(f)?,
                attempts => writeln!(f, ", {attempts} attempts")?,
            }
        }
        Ok(())
    }
}

/// Where on the axis a time lies; each character stands for an equal part of the whole.
fn column(at: Duration, end: Duration) -> usize {
    let width = u128::try_from(WIDTH).unwrap_or_default();
    usize::try_from(at.as_micros() * width / end.as_micros()).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_lie_to_scale_and_the_shortest_is_seen() {
        let millis = Duration::from_millis;
        let mut timeline = Timeline::default();
        timeline.add("first", Bar { from: millis(0), to: millis(240), fill: '█' });
        timeline.add("second", Bar { from: millis(240), to: millis(360), fill: '▒' });
        timeline.add("second", Bar { from: millis(480), to: millis(480), fill: '█' });
        timeline.mark("third", millis(240), '╎');
        let text = timeline.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("      first   {}{}     0 -  240 ms", "█".repeat(24), "·".repeat(24)));
        let bars = format!("{}{}{}█", "·".repeat(24), "▒".repeat(12), "·".repeat(11));
        assert_eq!(lines[1], format!("      second  {bars}   240 -  480 ms, 2 attempts"));
        assert_eq!(lines[2], format!("      third   {}╎{}", "·".repeat(24), "·".repeat(23)));
    }
}
