//! What a saga is made of, as the runtime sees it: steps by index, their sources, kinds and policies.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policy::{Compensation, RetryPolicy};
use crate::{ErrorCode, StepError};

/// How a step stands to its undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It has a compensation.
    Compensatable,
    /// It leaves nothing behind that needs undoing: `compensate = none`.
    NothingToUndo,
    /// The point of no return: once it is done, the saga only goes forward.
    Pivot,
    /// Stands after the pivot, has no undo, and is driven until it succeeds.
    Retriable,
}

impl StepKind {
    /// The kind as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compensatable => "compensatable",
            Self::NothingToUndo => "nothing to undo",
            Self::Pivot => "pivot",
            Self::Retriable => "retriable",
        }
    }
}

/// Where a parameter of a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The saga's own input.
    Input,
    /// The output of the step with this index.
    Step(usize),
}

/// A predicate on a step's error: whether it may be retried at all.
pub type RetryIf = fn(&StepError) -> bool;

/// One step of a [`Definition`]. What is `None` comes from the saga, else from the coordinator.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StepDefinition {
    /// Its name, unique in the saga.
    pub name: Cow<'static, str>,
    /// The doc comment of the function.
    pub description: Cow<'static, str>,
    /// How it stands to its undoing.
    pub kind: StepKind,
    /// Whether its compensation takes its output; one that doesn't settles a step in doubt too.
    pub undo_takes_output: bool,
    /// Whether it can be asked if an attempt in doubt took effect.
    pub has_verify: bool,
    /// Never run again when its outcome is unknown.
    pub at_most_once: bool,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How failed attempts are retried.
    pub retry: Option<RetryPolicy>,
    /// Which errors may be retried at all.
    pub retry_if: Option<RetryIf>,
    /// How long one attempt of its compensation may take.
    pub compensation_timeout: Option<Duration>,
    /// How failed attempts of its compensation are retried.
    pub compensation_retry: Option<RetryPolicy>,
    /// Free pairs, for tools.
    pub metadata: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// Where its parameters come from, in order.
    pub sources: Vec<Source>,
}

impl StepDefinition {
    /// A step with all else unset.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, kind: StepKind) -> Self {
        Self {
            name: name.into(),
            description: Cow::Borrowed(""),
            kind,
            undo_takes_output: true,
            has_verify: false,
            at_most_once: false,
            timeout: None,
            retry: None,
            retry_if: None,
            compensation_timeout: None,
            compensation_retry: None,
            metadata: Vec::new(),
            sources: Vec::new(),
        }
    }
}

/// A saga as the runtime sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Definition {
    /// Its name, kebab case.
    pub name: Cow<'static, str>,
    /// Its version, from 1.
    pub version: u32,
    /// The doc comment of the struct.
    pub description: Cow<'static, str>,
    /// Its steps, in the order of the flow.
    pub steps: Vec<StepDefinition>,
    /// Which steps run at the same time, stage after stage.
    pub stages: Vec<Vec<usize>>,
    /// How long it may go forward.
    pub timeout: Option<Duration>,
    /// How its steps are retried.
    pub retry: Option<RetryPolicy>,
    /// How it goes back.
    pub compensation: Option<Compensation>,
    /// The shape of steps and flow: a saga recorded under another one is parked, not guessed at.
    pub fingerprint: Fingerprint,
}

/// The shape of a saga's steps and flow, as sixteen hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// As many steps as a saga may have.
pub const STEPS_MAX: usize = 128;

/// A definition whose parts don't fit together; the macros refuse all of these at compile time where they can.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// No steps, or too many.
    #[error("saga `{saga}` has {count} steps, allowed are 1 to {STEPS_MAX}")]
    StepCount {
        /// The saga's name.
        saga: String,
        /// How many steps it has.
        count: usize,
    },
    /// An attempt may take longer than the whole saga.
    #[error("step `{step}` may take {step_timeout:?}, longer than its saga `{saga}` with {saga_timeout:?}")]
    StepOutlivesSaga {
        /// The saga's name.
        saga: String,
        /// The step's name.
        step: String,
        /// Its timeout.
        step_timeout: Duration,
        /// The saga's timeout.
        saga_timeout: Duration,
    },
    /// The stages don't list each step once, the steps' names are not unique, or a pivot is out of place.
    #[error("saga `{saga}`: {problem}")]
    Flow {
        /// The saga's name.
        saga: String,
        /// What is wrong.
        problem: String,
    },
}

impl DefinitionError {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::StepCount { .. } => ErrorCode::DefinitionStepCount,
            Self::StepOutlivesSaga { .. } => ErrorCode::DefinitionStepOutlivesSaga,
            Self::Flow { .. } => ErrorCode::DefinitionFlow,
        }
    }
}

impl Definition {
    /// A definition of these steps and stages, with its fingerprint, and all else unset.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        version: u32,
        steps: Vec<StepDefinition>,
        stages: Vec<Vec<usize>>,
    ) -> Self {
        let fingerprint = fingerprint(&steps, &stages);
        Self {
            name: name.into(),
            version,
            description: Cow::Borrowed(""),
            steps,
            stages,
            timeout: None,
            retry: None,
            compensation: None,
            fingerprint,
        }
    }

    /// The index of the step of this name.
    #[must_use]
    pub fn step_index(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// The index of the pivot.
    #[must_use]
    pub fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.kind == StepKind::Pivot)
    }

    /// Whether the parts fit together.
    pub fn check(&self) -> Result<(), DefinitionError> {
        let saga = self.name.to_string();
        let count = self.steps.len();
        if count == 0 || count > STEPS_MAX {
            return Err(DefinitionError::StepCount { saga, count });
        }
        if let Some(problem) = self.flow_problem() {
            return Err(DefinitionError::Flow { saga, problem });
        }
        for step in &self.steps {
            if let (Some(step_timeout), Some(saga_timeout)) = (step.timeout, self.timeout)
                && step_timeout > saga_timeout
            {
                let step = step.name.to_string();
                return Err(DefinitionError::StepOutlivesSaga { saga, step, step_timeout, saga_timeout });
            }
        }
        Ok(())
    }

    fn flow_problem(&self) -> Option<String> {
        let flow: Vec<usize> = self.stages.iter().flatten().copied().collect();
        if !flow.iter().copied().eq(0..self.steps.len()) || self.stages.iter().any(Vec::is_empty) {
            return Some("the stages must list each step once, in order".to_owned());
        }
        let pivot = self.pivot();
        for (index, step) in self.steps.iter().enumerate() {
            let name = &step.name;
            if self.step_index(name) != Some(index) {
                return Some(format!("two steps are called `{name}`"));
            }
            match step.kind {
                StepKind::Pivot if pivot != Some(index) => {
                    return Some(format!("`{name}` is a second pivot"));
                }
                StepKind::Pivot
                    if self.stages.iter().any(|stage| stage.len() > 1 && stage.contains(&index)) =>
                {
                    return Some(format!("the pivot `{name}` must stand alone in its stage"));
                }
                StepKind::Compensatable if pivot.is_some_and(|pivot| pivot < index) => {
                    return Some(format!("`{name}` is compensatable, but stands after the pivot"));
                }
                StepKind::Retriable if pivot.is_none_or(|pivot| pivot > index) => {
                    return Some(format!("`{name}` is retriable, but no pivot stands before it"));
                }
                _ => {}
            }
        }
        None
    }

    /// The flow as a Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n    input([input])\n");
        for (index, step) in self.steps.iter().enumerate() {
            let (open, close) = match step.kind {
                StepKind::Pivot => ("{{", "}}"),
                StepKind::Retriable => ("[[", "]]"),
                _ => ("[", "]"),
            };
            // Writing to a `String` cannot fail, here and below.
            _ = writeln!(text, "    s{index}{open}\"{}\"{close}", step.name);
        }
        self.for_each_edge(|from, to| {
            let from = from.map_or("input".to_owned(), |from| format!("s{from}"));
            _ = writeln!(text, "    {from} --> s{to}");
        });
        for (index, step) in self.steps.iter().enumerate() {
            if step.kind == StepKind::Compensatable {
                _ = writeln!(text, "    s{index} -. undo .-> s{index}");
            }
        }
        text
    }

    /// The flow in the language of Graphviz.
    #[must_use]
    pub fn graphviz(&self) -> String {
        let mut text = format!("digraph \"{}\" {{\n    rankdir=LR;\n    input [shape=ellipse];\n", self.name);
        for (index, step) in self.steps.iter().enumerate() {
            let shape = match step.kind {
                StepKind::Compensatable => "box",
                StepKind::NothingToUndo => "plaintext",
                StepKind::Pivot => "hexagon",
                StepKind::Retriable => "box3d",
            };
            _ = writeln!(text, "    s{index} [label=\"{}\", shape={shape}];", step.name);
        }
        self.for_each_edge(|from, to| {
            let from = from.map_or("input".to_owned(), |from| format!("s{from}"));
            _ = writeln!(text, "    {from} -> s{to};");
        });
        text.push_str("}\n");
        text
    }

    /// Calls `edge` for each arrow: from every step of a stage, or the input, to every step of the next.
    fn for_each_edge(&self, mut edge: impl FnMut(Option<usize>, usize)) {
        let mut before: &[usize] = &[];
        for stage in &self.stages {
            for &to in stage {
                if before.is_empty() {
                    edge(None, to);
                }
                for &from in before {
                    edge(Some(from), to);
                }
            }
            before = stage;
        }
    }
}

/// A hash over names, kinds, sources and stages: 64-bit FNV-1a (Fowler, Noll, Vo), which must never
/// change, since it is stored with each saga.
fn fingerprint(steps: &[StepDefinition], stages: &[Vec<usize>]) -> Fingerprint {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for step in steps {
        let (name, kind) = (&step.name, step.kind.as_str());
        _ = write!(hash, "{name}|{kind}|{}|{:?};", step.undo_takes_output, step.sources);
    }
    _ = write!(hash, "{stages:?}");
    Fingerprint(hash.0)
}

struct Fnv(u64);

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, kind: StepKind) -> StepDefinition {
        StepDefinition::new(name, kind)
    }

    #[test]
    fn the_fingerprint_tells_shapes_apart_and_never_changes() {
        let definition = |name| {
            Definition::new("order", 1, vec![step(name, StepKind::Compensatable)], vec![vec![0]]).fingerprint
        };
        assert_ne!(definition("a"), definition("b"));
        assert_eq!(definition("a").to_string(), "4ec3ae02c01bcfa7");
    }

    #[test]
    fn a_definition_that_does_not_fit_together_says_why() {
        let problem =
            |steps, stages| Definition::new("order", 1, steps, stages).check().unwrap_err().to_string();
        let pay = step("pay", StepKind::Pivot);
        let ship = step("ship", StepKind::Retriable);
        let reserve = step("reserve", StepKind::Compensatable);
        assert!(problem(vec![], vec![]).contains("0 steps"));
        assert!(
            problem(vec![pay.clone(), reserve.clone()], vec![vec![0], vec![1]]).contains("after the pivot")
        );
        assert!(problem(vec![ship, pay.clone()], vec![vec![0], vec![1]]).contains("no pivot stands before"));
        assert!(problem(vec![pay.clone(), pay.clone()], vec![vec![0], vec![1]]).contains("two steps"));
        assert!(problem(vec![reserve.clone(), pay], vec![vec![0, 1]]).contains("alone"));
        assert!(problem(vec![reserve], vec![vec![0], vec![0]]).contains("each step once"));
    }

    #[test]
    fn the_flow_is_drawn() {
        let steps = vec![step("a", StepKind::Compensatable), step("b", StepKind::Pivot)];
        let definition = Definition::new("order", 1, steps, vec![vec![0], vec![1]]);
        assert!(definition.mermaid().contains("s0 --> s1"));
        assert!(definition.graphviz().contains("s0 -> s1;"));
    }
}
