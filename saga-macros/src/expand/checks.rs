//! What constants and types can tell of a whole saga: kinds in their places, names, timeouts, and whether what it is
//! made of can be recorded and shared. Each mistake is an error of its own, at its place.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::{links, policy};
use crate::check::calls;
use crate::model::Saga;

/// The checks of constants: one a step, at its place in the flow.
pub(super) fn flow(saga: &Saga) -> TokenStream {
    let library = &saga.library;
    let outlines = saga.steps.iter().map(|step| {
        let outline = links::outline(saga, step);
        let name = step.text();
        if step.is_renamed { quote!(#outline.renamed(#name)) } else { outline }
    });
    let stages = saga.stages.iter().enumerate().flat_map(|(stage, steps)| steps.iter().map(move |_| stage));
    let timeout = policy::constant(library, saga.timeout.as_ref());
    let never_retries = saga.retry.as_ref().is_some_and(|retry| calls(retry, "no_retry"));
    let each = saga
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| quote_spanned!(step.span()=> const _: () = THE_FLOW.check(#index);));
    quote! {
        const THE_FLOW: #library::__private::FlowOutline<'static> = #library::__private::FlowOutline {
            steps: &[#(#outlines),*],
            stages: &[#(#stages),*],
            timeout: #timeout,
            never_retries: #never_retries,
        };
        #(#each)*
    }
}

/// The traits that a saga's input, outputs and services go through, with words of ours for what is refused.
pub(super) fn words(saga: &Saga) -> TokenStream {
    let Saga { library, ident, .. } = saga;
    let input = format!("the input of saga `{ident}`, `{{Self}}`, cannot be recorded");
    let output = format!("an output of saga `{ident}`, `{{Self}}`, cannot be used from several threads");
    let service = format!("a service of saga `{ident}`, `{{Self}}`, cannot be used from several threads");
    quote! {
        #[diagnostic::on_unimplemented(
            message = #input,
            label = "this step takes it: an input must be `Serialize` and `DeserializeOwned`",
            note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
        )]
        trait RecordedInput: ::core::marker::Sized {
            const RECORD: #library::__private::Record<Self>;
        }
        #[diagnostic::do_not_recommend]
        impl<T: #library::__private::Serialize + #library::__private::DeserializeOwned> RecordedInput for T {
            const RECORD: #library::__private::Record<Self> = #library::__private::Record::new();
        }

        #[diagnostic::on_unimplemented(
            message = #output,
            label = "the output of this step must be `Send` and `Sync`",
        )]
        trait SharedOutput {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<T: ::core::marker::Send + ::core::marker::Sync> SharedOutput for T {}

        #[diagnostic::on_unimplemented(
            message = #service,
            label = "a field of a saga must be `Send` and `Sync`",
        )]
        trait SharedService {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<T: ::core::marker::Send + ::core::marker::Sync> SharedService for T {}
    }
}

/// The checks of types. The implementation of `Saga` assumes what is demanded here, so
/// that it is said just here.
pub(super) fn types(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let outputs = saga.steps.iter().map(|step| {
        let output = links::output_type(saga, step, self_type);
        quote_spanned!(step.span()=> let () = <#output as SharedOutput>::OK;)
    });
    let services = saga
        .services
        .iter()
        .filter(|_| saga.generics.params.is_empty())
        .map(|(_, ty)| quote_spanned!(ty.span()=> let () = <#ty as SharedService>::OK;));
    quote! {
        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        fn check #impl_generics() #where_clause {
            #(#outputs)*
            #(#services)*
        }
    }
}
