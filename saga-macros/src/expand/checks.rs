//! What constants can tell: kinds in their places, names, timeouts. One constant a step, at its place in the flow.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::policy;
use crate::check::calls;
use crate::model::Saga;

/// The checks of a flow, each an error of its own.
pub(super) fn checks(saga: &Saga) -> TokenStream {
    let library = &saga.library;
    let outlines = saga.steps.iter().map(|step| {
        let path = &step.path;
        let outline = quote!(<#path as #library::__private::StepInfo>::OUTLINE);
        let name = step.name.to_string();
        if step.is_renamed { quote!(#outline.renamed(#name)) } else { outline }
    });
    let stages = saga.stages.iter().enumerate().flat_map(|(stage, steps)| steps.iter().map(move |_| stage));
    let timeout = policy::constant(library, saga.timeout.as_ref());
    let never_retries = saga.retry.as_ref().is_some_and(|retry| calls(retry, "no_retry"));
    let each = saga.steps.iter().enumerate().map(|(index, step)| {
        let span = Span::mixed_site().located_at(step.span());
        quote_spanned! {span=>
            const _: () = if let ::core::option::Option::Some(problem) = FLOW.problem(#index) {
                ::core::panic!("{}", problem.text())
            };
        }
    });
    quote! {
        const FLOW: #library::__private::FlowOutline<'static> = #library::__private::FlowOutline {
            steps: &[#(#outlines),*],
            stages: &[#(#stages),*],
            timeout: #timeout,
            never_retries: #never_retries,
        };
        #(#each)*
    }
}
