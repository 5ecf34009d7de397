//! A flow whose names are looked up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use quote::format_ident;
use syn::Ident;
use syn::ext::IdentExt;

use super::item::camel_case;
use crate::diagnostics::Mistakes;
use crate::model::{FlowStep, Source};
use crate::parse::{Branch, Flow, SourceName};

/// As many steps as a saga may have; the library's `STEPS_MAX`.
const STEPS_MAX: usize = 128;

/// Steps, and stages of their indexes. A step that has a mistake in its sources has none, so that nothing false is
/// said of what it takes.
pub(super) fn flow(flow: Flow, mistakes: &mut Mistakes) -> (Vec<FlowStep>, Vec<Vec<usize>>) {
    let names = Names::of(&flow, mistakes);
    let mut steps: Vec<FlowStep> = Vec::new();
    let mut stages: Vec<Vec<usize>> = Vec::new();
    for stage in flow.stages {
        let first = steps.len();
        for branch in stage {
            let sources = match &branch.sources {
                Some(written) => {
                    let place = Place { index: steps.len(), stage: stages.len(), name: &branch.name };
                    // All are looked up, so that all mistakes are reported.
                    let found: Vec<_> =
                        written.iter().map(|source| names.source(source, &place, mistakes)).collect();
                    found.into_iter().collect()
                }
                None => Some(match stages.last() {
                    Some(before) => before.iter().map(|&index| Source::Step(index)).collect(),
                    None => vec![Source::Input],
                }),
            };
            if steps.len() == STEPS_MAX {
                mistakes.at(&branch.path, format!("a saga has at most {STEPS_MAX} steps"));
            }
            let Branch { path, name, .. } = branch;
            let name = free_name(name, &steps);
            let is_renamed = path.segments.last().is_none_or(|segment| segment.ident != name);
            let variant = variant(&name, &steps);
            steps.push(FlowStep { path, name, variant, is_renamed, sources });
        }
        stages.push((first..steps.len()).collect());
    }
    (steps, stages)
}

/// The name, or another where two steps have it, which has been reported.
fn free_name(name: Ident, earlier: &[FlowStep]) -> Ident {
    if earlier.iter().all(|step| step.name != name) {
        return name;
    }
    Ident::new(&format!("{}_{}", name.unraw(), earlier.len()), name.span())
}

/// `CreateOrder` for `create_order`; two names that differ but in case keep their own.
fn variant(name: &Ident, earlier: &[FlowStep]) -> Ident {
    let text = name.unraw().to_string();
    let camel = camel_case(&text);
    let starts_well = camel.starts_with(|first: char| first.is_alphabetic());
    let variant = match camel.as_str() {
        "Self" => format_ident!("Self_", span = name.span()),
        _ if starts_well => Ident::new(&camel, name.span()),
        _ => format_ident!("Step{camel}", span = name.span()),
    };
    if earlier.iter().any(|step| step.variant == variant) { name.clone() } else { variant }
}

/// Where a step stands.
struct Place<'a> {
    index: usize,
    stage: usize,
    name: &'a Ident,
}

/// Indexes and stages of all steps, by name.
struct Names(HashMap<String, (usize, usize)>);

impl Names {
    fn of(flow: &Flow, mistakes: &mut Mistakes) -> Self {
        let mut names = HashMap::new();
        let branches = flow
            .stages
            .iter()
            .enumerate()
            .flat_map(|(stage, branches)| branches.iter().map(move |of| (stage, of)));
        for (index, (stage, branch)) in branches.enumerate() {
            let name = &branch.name;
            if name == "input" {
                mistakes.at(name, "`input` is the saga's own input: name the step `input as ..`");
                continue;
            }
            match names.entry(name.to_string()) {
                Entry::Occupied(_) => {
                    let message =
                        format!("two steps are called `{name}`: name the second one, `{name} as again`");
                    mistakes.at(name, message);
                }
                Entry::Vacant(free) => {
                    free.insert((index, stage));
                }
            }
        }
        Self(names)
    }

    fn source(&self, source: &SourceName, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Source> {
        let SourceName(source) = source;
        if source == "input" {
            return Some(Source::Input);
        }
        let Place { name, .. } = place;
        let problem = match self.0.get(&source.to_string()) {
            None => {
                let mut known: Vec<_> =
                    self.0.iter().filter(|(_, (_, stage))| *stage < place.stage).collect();
                known.sort_by_key(|(_, (index, _))| *index);
                let known: Vec<String> = std::iter::once("`input`".to_owned())
                    .chain(known.iter().map(|(known, _)| format!("`{known}`")))
                    .collect();
                format!("the saga has no step `{source}`; `{name}` can take from: {}", known.join(", "))
            }
            Some(&(index, _)) if index == place.index => format!("step `{name}` cannot take its own output"),
            Some(&(_, stage)) if stage == place.stage => {
                format!("step `{name}` runs beside `{source}`, and cannot take its output")
            }
            Some(&(_, stage)) if stage > place.stage => {
                format!("step `{name}` runs before `{source}`, and cannot take its output")
            }
            Some(&(index, _)) => return Some(Source::Step(index)),
        };
        mistakes.at(source, problem);
        None
    }
}
