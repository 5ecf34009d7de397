//! Definitions: what the runtime knows of a step or a saga.

use proc_macro2::TokenStream;
use quote::quote;

use super::{links, policy};
use crate::model::{FlowStep, Saga, Source, Step, Taken, Undo};

/// A step's constants, for the checks that the compiler makes.
pub(super) fn step_outline(step: &Step) -> TokenStream {
    let Step { library, name, .. } = step;
    let kind = kind(step);
    let timeout = policy::constant(library, step.timeout.as_ref());
    let has_retry = step.retry.is_some();
    quote! {
        #library::__private::StepOutline {
            name: #name,
            kind: #kind,
            timeout: #timeout,
            has_retry: #has_retry,
        }
    }
}

fn kind(step: &Step) -> TokenStream {
    let library = &step.library;
    match step.undo {
        Undo::Compensate(_) => quote!(#library::__private::StepKind::Compensatable),
        Undo::Nothing => quote!(#library::__private::StepKind::NothingToUndo),
        Undo::Pivot => quote!(#library::__private::StepKind::Pivot),
        Undo::Retriable => quote!(#library::__private::StepKind::Retriable),
    }
}

/// The body of `StepInfo::definition`.
pub(super) fn step_definition(step: &Step) -> TokenStream {
    let Step { library, name, description, at_most_once, .. } = step;
    let kind = kind(step);
    let undo_takes_output = match &step.undo {
        Undo::Compensate(compensation) => compensation.taken.iter().any(|(taken, _)| *taken == Taken::Output),
        _ => true,
    };
    let has_verify = step.verify.is_some();
    let timeout = policy::optional(library, step.timeout.as_ref());
    let retry = policy::optional(library, step.retry.as_ref());
    let retry_if = policy::optional(library, step.retry_if.as_ref());
    let undo_timeout = policy::optional(library, step.undo_timeout.as_ref());
    let undo_retry = policy::optional(library, step.undo_retry.as_ref());
    let metadata = step.metadata.iter().map(|(key, value)| {
        quote!((#library::__private::Cow::Borrowed(#key), {
            let value: &'static ::core::primitive::str = #value;
            #library::__private::Cow::Borrowed(value)
        }))
    });
    quote! {
        let mut step = #library::__private::StepDefinition::new(#name, #kind);
        step.description = #library::__private::Cow::Borrowed(#description);
        step.undo_takes_output = #undo_takes_output;
        step.has_verify = #has_verify;
        step.at_most_once = #at_most_once;
        step.timeout = #timeout;
        step.retry = #retry;
        step.retry_if = #retry_if;
        step.compensation_timeout = #undo_timeout;
        step.compensation_retry = #undo_retry;
        step.metadata = ::std::vec![#(#metadata),*];
        step
    }
}

/// The body of `Saga::definition`.
pub(super) fn saga_definition(saga: &Saga) -> TokenStream {
    let Saga { library, name, version, description, .. } = saga;
    let steps = saga.steps.iter().map(|step| placed_step(saga, step));
    let stages = saga.stages.iter().map(|stage| quote!(::std::vec![#(#stage),*]));
    let timeout = policy::optional(library, saga.timeout.as_ref());
    let retry = policy::optional(library, saga.retry.as_ref());
    let compensation = policy::optional(library, saga.compensation.as_ref());
    quote! {
        static DEFINITION: #library::__private::OnceLock<#library::__private::Definition> =
            #library::__private::OnceLock::new();
        DEFINITION.get_or_init(|| {
            let mut definition = #library::__private::Definition::new(
                #name,
                #version,
                ::std::vec![#(#steps),*],
                ::std::vec![#(#stages),*],
            );
            definition.description = #library::__private::Cow::Borrowed(#description);
            definition.timeout = #timeout;
            definition.retry = #retry;
            definition.compensation = #compensation;
            definition
        })
    }
}

fn placed_step(saga: &Saga, step: &FlowStep) -> TokenStream {
    let library = &saga.library;
    let FlowStep { is_renamed, sources, .. } = step;
    let describe = links::step_type(saga, step, &syn::parse_quote!(Self), "describe");
    let name = step.text();
    let rename = is_renamed.then(|| quote!(step.name = #library::__private::Cow::Borrowed(#name);));
    let sources = sources.iter().flatten().map(|source| match source {
        Source::Input => quote!(#library::__private::Source::Input),
        Source::Step(index) => quote!(#library::__private::Source::Step(#index)),
    });
    quote! {{
        let mut step = #describe();
        #rename
        step.sources = ::std::vec![#(#sources),*];
        step
    }}
}
