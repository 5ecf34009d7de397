//! A saga.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Expr, Generics, Ident, Path, Type, Visibility};

/// A struct that is a saga, with its options and its flow.
pub(crate) struct Saga {
    /// Where the library is found.
    pub(crate) library: Path,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    /// The doc comment.
    pub(crate) description: String,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) timeout: Option<Expr>,
    pub(crate) retry: Option<Expr>,
    pub(crate) compensation: Option<Expr>,
    pub(crate) steps: Vec<FlowStep>,
    /// Indexes of steps.
    pub(crate) stages: Vec<Vec<usize>>,
    /// The types of the struct's fields, and what the fields are called.
    pub(crate) services: Vec<(String, Type)>,
}

/// A step in its place.
pub(crate) struct FlowStep {
    pub(crate) path: Path,
    /// Its name in the flow.
    pub(crate) name: Ident,
    /// How the saga's users name it: a variant.
    pub(crate) variant: Ident,
    /// Whether the flow gives it that name with `as`.
    pub(crate) is_renamed: bool,
    /// Where its data comes from; `None` where a mistake has been reported.
    pub(crate) sources: Option<Vec<Source>>,
}

/// Where a parameter comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Input,
    /// The output of the step with this index.
    Step(usize),
}

impl Saga {
    /// The first step that takes the saga's input, and as which parameter: its type is the input's.
    pub(crate) fn input(&self) -> Option<(&FlowStep, usize)> {
        self.steps.iter().find_map(|step| {
            let at = step.sources.as_ref()?.iter().position(|source| *source == Source::Input)?;
            Some((step, at))
        })
    }
}

impl FlowStep {
    /// Its name as text.
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }

    /// Where the flow names it.
    pub(crate) fn span(&self) -> Span {
        self.path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span())
    }
}
