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

/// The checks of types. The implementation of `Saga` assumes what is demanded here, so that it is said just here.
pub(super) fn types(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let Saga { library, ident, .. } = saga;
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let input_message = format!("the input of saga `{ident}`, `{{Self}}`, cannot be recorded");
    let input = saga.input().map(|(step, _)| {
        let input = links::input_type(saga, self_type);
        quote_spanned!(step.span()=> let () = <#input as RecordedInput>::OK;)
    });
    let outputs = saga.steps.iter().map(|step| {
        let output = links::output_type(saga, step, self_type);
        quote_spanned!(step.span()=> let () = <#output as SharedOutput>::OK;)
    });
    let output_message =
        format!("an output of saga `{ident}`, `{{Self}}`, cannot be used from several threads");
    let service_message =
        format!("a service of saga `{ident}`, `{{Self}}`, cannot be used from several threads");
    let services = saga
        .services
        .iter()
        .filter(|_| saga.generics.params.is_empty())
        .map(|(_, ty)| quote_spanned!(ty.span()=> let () = <#ty as SharedService>::OK;));
    quote! {
        #[allow(dead_code, clippy::pedantic)]
        fn check #impl_generics() #where_clause {
            #[diagnostic::on_unimplemented(
                message = #input_message,
                label = "this step takes it: an input must be `Serialize` and `DeserializeOwned`",
                note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
            )]
            trait RecordedInput {
                const OK: () = ();
            }
            #[diagnostic::do_not_recommend]
            impl<T: #library::__private::Serialize + #library::__private::DeserializeOwned> RecordedInput for T {}

            #[diagnostic::on_unimplemented(
                message = #output_message,
                label = "the output of this step must be `Send` and `Sync`",
            )]
            trait SharedOutput {
                const OK: () = ();
            }
            #[diagnostic::do_not_recommend]
            impl<T: ::core::marker::Send + ::core::marker::Sync> SharedOutput for T {}

            #[diagnostic::on_unimplemented(
                message = #service_message,
                label = "a field of a saga must be `Send` and `Sync`",
            )]
            trait SharedService {
                const OK: () = ();
            }
            #[diagnostic::do_not_recommend]
            impl<T: ::core::marker::Send + ::core::marker::Sync> SharedService for T {}

            #input
            #(#outputs)*
            #(#services)*
        }
    }
}
