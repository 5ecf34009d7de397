//! The shape of a definition as data: what lets a tool read a journal without the code that wrote it.

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, DefinitionError, Fingerprint, Source, StepDefinition, StepKind};

/// A definition without its policies and its code: names, kinds, sources and stages.
///
/// A coordinator leaves the shapes of its sagas in the store as it is built. Tools read journals by them: which step
/// number 2 is, what runs beside it, and which rules its saga must have kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DefinitionShape {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
    /// What tells shapes of one version apart.
    pub fingerprint: Fingerprint,
    /// The doc comment of the struct.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The steps, in the order of the flow.
    pub steps: Vec<StepShape>,
    /// Which steps run at the same time, stage after stage.
    pub stages: Vec<Vec<usize>>,
}

/// A step without its policies and its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepShape {
    /// The name.
    pub name: String,
    /// The doc comment of the function.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How it stands to its undoing.
    pub kind: StepKind,
    /// Whether its compensation takes its output.
    pub undo_takes_output: bool,
    /// Whether it can be asked if an attempt in doubt took effect.
    pub has_verify: bool,
    /// Never run again when its outcome is unknown.
    pub at_most_once: bool,
    /// Where its parameters come from, in order.
    pub sources: Vec<Source>,
    /// Free pairs, for tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
}

impl DefinitionShape {
    /// The shape of a definition.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let step = |step: &StepDefinition| StepShape {
            name: step.name.to_string(),
            description: step.description.to_string(),
            kind: step.kind,
            undo_takes_output: step.undo_takes_output,
            has_verify: step.has_verify,
            at_most_once: step.at_most_once,
            sources: step.sources.clone(),
            metadata: step
                .metadata
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        };
        Self {
            name: definition.name.to_string(),
            version: definition.version,
            fingerprint: definition.fingerprint,
            description: definition.description.to_string(),
            steps: definition.steps.iter().map(step).collect(),
            stages: definition.stages.clone(),
        }
    }

    /// The definition of this shape; policies are unset.
    ///
    /// # Errors
    ///
    /// Where its parts don't fit together, or are not those that its fingerprint was taken of.
    pub fn definition(&self) -> Result<Definition, DefinitionError> {
        let step = |shape: &StepShape| {
            let mut step = StepDefinition::new(shape.name.clone(), shape.kind);
            step.description = shape.description.clone().into();
            step.undo_takes_output = shape.undo_takes_output;
            step.has_verify = shape.has_verify;
            step.at_most_once = shape.at_most_once;
            step.sources.clone_from(&shape.sources);
            step.metadata = shape.metadata.iter().cloned().map(|(a, b)| (a.into(), b.into())).collect();
            step
        };
        let steps = self.steps.iter().map(step).collect();
        let mut definition = Definition::new(self.name.clone(), self.version, steps, self.stages.clone());
        definition.description = self.description.clone().into();
        definition.check()?;
        if definition.fingerprint != self.fingerprint {
            let problem =
                format!("its shape has the fingerprint {}, not {}", definition.fingerprint, self.fingerprint);
            return Err(DefinitionError::Flow { saga: self.name.clone(), problem });
        }
        Ok(definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        let mut pay = StepDefinition::new("pay", StepKind::Pivot);
        pay.has_verify = true;
        pay.sources = vec![Source::Step(0), Source::Input];
        pay.metadata = vec![("service".into(), "bank".into())];
        let reserve = StepDefinition::new("reserve", StepKind::Compensatable);
        Definition::new("order", 3, vec![reserve, pay], vec![vec![0], vec![1]])
    }

    #[test]
    fn a_shape_is_read_back_as_the_definition_that_it_was_taken_of() {
        let text = serde_json::to_string(&DefinitionShape::of(&definition())).unwrap();
        let shape: DefinitionShape = serde_json::from_str(&text).unwrap();
        let read = shape.definition().unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", definition()));
    }

    #[test]
    fn a_shape_that_was_tampered_with_is_refused() {
        let mut shape = DefinitionShape::of(&definition());
        shape.steps[0].name = "repay".to_owned();
        assert!(shape.definition().unwrap_err().to_string().contains("fingerprint"));
    }
}
