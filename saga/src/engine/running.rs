//! The attempts of one saga that are under way.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::attempt::{AttemptOf, Underway};
use super::flow::AttemptOutcome;
use crate::machine::StepSet;

/// The attempts under way, and one timer for all of them.
#[derive(Default)]
pub(super) struct Running<'a> {
    attempts: Vec<Underway<'a>>,
    steps: StepSet,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a> Running<'a> {
    pub(super) fn add(&mut self, attempt: Underway<'a>) {
        self.steps.insert(attempt.of.step);
        self.attempts.push(attempt);
    }

    /// The steps with an attempt under way.
    pub(super) const fn steps(&self) -> StepSet {
        self.steps
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Drops all attempts where they stand.
    pub(super) fn drop_all(&mut self) {
        self.attempts.clear();
        self.steps = StepSet::EMPTY;
    }

    /// The first attempt that has ended, well or badly or by its deadline; `None` once `until` has come.
    pub(super) fn poll(
        &mut self,
        until: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(AttemptOf, AttemptOutcome)>> {
        for index in 0..self.attempts.len() {
            if let Poll::Ready(outcome) = self.attempts[index].poll(cx) {
                let ended = self.take(index);
                return Poll::Ready(Some((ended.of, outcome)));
            }
        }
        let deadlines = self.attempts.iter().filter_map(Underway::deadline);
        let Some(first) = deadlines.chain(until).min() else { return Poll::Pending };
        if self.poll_timer(first, cx).is_pending() {
            return Poll::Pending;
        }
        let is_late = |attempt: &Underway<'_>| attempt.deadline().is_some_and(|at| at <= first);
        let late = self.attempts.iter().position(is_late).map(|index| self.take(index));
        Poll::Ready(late.map(|late| (late.of, late.timed_out())))
    }

    fn take(&mut self, index: usize) -> Underway<'a> {
        let ended = self.attempts.remove(index);
        self.steps.remove(ended.of.step);
        ended
    }

    fn poll_timer(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }
}
