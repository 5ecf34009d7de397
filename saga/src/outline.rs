//! What constants tell of a flow, checked while it is compiled.

use std::time::Duration;

use crate::StepKind;

/// What is known of a step as a constant.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct StepOutline {
    /// Its name.
    pub name: &'static str,
    /// How it is undone.
    pub kind: StepKind,
    /// The timeout of one attempt, where it is written so that the compiler can tell.
    pub timeout: Option<Duration>,
    /// Whether it has a retry policy of its own.
    pub has_retry: bool,
}

impl StepOutline {
    /// The same step under the name that the flow gives it.
    #[must_use]
    pub const fn renamed(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }
}

/// The steps of a flow in their places.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct FlowOutline<'a> {
    /// All steps.
    pub steps: &'a [StepOutline],
    /// The stage of each.
    pub stages: &'a [usize],
    /// How long the saga may go forward, where that is written so that the compiler can tell.
    pub timeout: Option<Duration>,
    /// Whether steps without a policy of their own are never retried.
    pub never_retries: bool,
}

impl FlowOutline<'_> {
    /// Stops the compiler where the step of this index doesn't fit in its place.
    ///
    /// # Panics
    /// With what is wrong, at its caller's place in the source.
    #[track_caller]
    pub const fn check(&self, index: usize) {
        if let Some(problem) = self.problem(index) {
            panic!("{}", problem.text())
        }
    }

    /// What is wrong with the step of this index in its place; the first thing only.
    const fn problem(&self, index: usize) -> Option<Problem> {
        let step = &self.steps[index];
        let pivot = self.pivot();
        let name = Problem::of("step `").and(step.name);
        if let Some(problem) = self.doubled_name(index) {
            return Some(problem);
        }
        match (step.kind, pivot) {
            (StepKind::Pivot, Some(pivot)) if pivot != index => {
                let text = name.and("` is a second pivot; the first is `").and(self.steps[pivot].name);
                return Some(text.and("`"));
            }
            (StepKind::Pivot, _) if self.is_beside_another(index) => {
                return Some(name.and("` is the pivot, and must stand alone in its stage"));
            }
            (StepKind::Compensatable, Some(pivot)) if self.stages[pivot] < self.stages[index] => {
                let text = name.and("` has a compensation, but stands after the pivot `");
                return Some(text.and(self.steps[pivot].name).and("`: nothing is undone there"));
            }
            (StepKind::Retriable, None) => {
                return Some(name.and("` is retriable, but the saga has no pivot that it could follow"));
            }
            (StepKind::Retriable, Some(pivot)) if self.stages[pivot] > self.stages[index] => {
                let text = name.and("` is retriable, but stands before the pivot `");
                return Some(text.and(self.steps[pivot].name).and("`"));
            }
            (StepKind::Retriable, _) if self.never_retries && !step.has_retry => {
                return Some(name.and("` is retriable, but its saga has `no_retry`"));
            }
            _ => {}
        }
        match (step.timeout, self.timeout) {
            (Some(of_step), Some(of_saga)) if of_step.as_nanos() > of_saga.as_nanos() => {
                let text = name.and("` may take ").and_time(of_step).and(", longer than its saga with ");
                Some(text.and_time(of_saga))
            }
            _ => None,
        }
    }

    const fn pivot(&self) -> Option<usize> {
        let mut index = 0;
        while index < self.steps.len() {
            if matches!(self.steps[index].kind, StepKind::Pivot) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// The flow tells its own names apart; a name that a step gives itself is only known here.
    const fn doubled_name(&self, index: usize) -> Option<Problem> {
        let name = self.steps[index].name;
        let mut earlier = 0;
        while earlier < index {
            if same(self.steps[earlier].name, name) {
                let text = Problem::of("two steps are called `").and(name);
                return Some(text.and("`: give one of them another `name`, or another with `as`"));
            }
            earlier += 1;
        }
        None
    }

    const fn is_beside_another(&self, index: usize) -> bool {
        let mut other = 0;
        while other < self.stages.len() {
            if other != index && self.stages[other] == self.stages[index] {
                return true;
            }
            other += 1;
        }
        false
    }
}

/// A text that constants put together.
#[derive(Clone, Copy)]
struct Problem {
    bytes: [u8; TEXT_MAX],
    length: usize,
}

/// What does not fit is cut: names are seldom that long.
const TEXT_MAX: usize = 512;

impl Problem {
    const fn of(text: &str) -> Self {
        Self { bytes: [0; TEXT_MAX], length: 0 }.and(text)
    }

    const fn and(mut self, text: &str) -> Self {
        // All of a piece or none of it, so that no letter is cut in two.
        if text.len() <= TEXT_MAX - self.length {
            let mut index = 0;
            while index < text.len() {
                self.bytes[self.length] = text.as_bytes()[index];
                self.length += 1;
                index += 1;
            }
        }
        self
    }

    /// In the largest unit that tells it exactly.
    const fn and_time(self, time: Duration) -> Self {
        let millis = time.as_millis();
        if !millis.is_multiple_of(1_000) {
            self.and_number(millis).and(" ms")
        } else if !millis.is_multiple_of(60_000) {
            self.and_number(millis / 1_000).and(" s")
        } else {
            self.and_number(millis / 60_000).and(" min")
        }
    }

    const fn and_number(self, number: u128) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let before = if number >= 10 { self.and_number(number / 10) } else { self };
        before.and(DIGITS[(number % 10) as usize])
    }

    /// The text.
    const fn text(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
