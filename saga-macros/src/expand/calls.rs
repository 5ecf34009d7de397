//! The calls of the steps: a function for each, so that what the compiler says of a future is said at its step.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Lifetime, Type};

use super::links;
use crate::model::{FlowStep, Saga};

/// `execute_charge`.
pub(super) fn ident(kind: &str, step: &FlowStep) -> Ident {
    format_ident!("{kind}_{}", step.text(), span = step.span())
}

/// Three functions a step, each of a call.
pub(super) fn functions(saga: &Saga, self_type: &Type, assumed: &TokenStream) -> TokenStream {
    let library = &saga.library;
    let payload = quote!(#library::__private::Payload);
    let each = saga.steps.iter().map(|step| {
        let (gather, name) = (links::ident(step), &step.name);
        let of = |name| links::step_type(saga, step, self_type, name);
        let (execute, verify, compensate, record) =
            (of("execute"), of("verify"), of("compensate"), of("RECORD"));
        let execute = quote_spanned! {step.span()=>
            let output = #execute(__call.cx, #gather(&__call)?).await?;
            __call.keep.output(&__call.slots.#name, output, &#record)
        };
        let verify = quote_spanned! {step.span()=>
            let found = #verify(__call.cx, #gather(&__call)?).await?;
            found.map(|output| __call.keep.output(&__call.slots.#name, output, &#record)).transpose()
        };
        let compensate = quote_spanned! {step.span()=>
            #compensate(__call.cx, __call.slots.#name.get(), #gather(&__call)?).await
        };
        let function = |kind, answer, body| function(saga, step, (kind, answer, body), self_type, assumed);
        let execute = function("execute", payload.clone(), execute);
        let verify = function("verify", quote!(::core::option::Option<#payload>), verify);
        let compensate = function("compensate", quote!(()), compensate);
        quote!(#execute #verify #compensate)
    });
    quote!(#(#each)*)
}

fn function(
    saga: &Saga,
    step: &FlowStep,
    (kind, answer, body): (&str, TokenStream, TokenStream),
    self_type: &Type,
    assumed: &TokenStream,
) -> TokenStream {
    let (library, name) = (&saga.library, ident(kind, step));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = links::with_lifetime(&quote!(#impl_generics));
    let lifetime = Lifetime::new("'saga", Span::call_site());
    let call = Ident::new("__call", step.span());
    let future = quote_spanned! {step.span()=>
        impl #library::__private::Future<
            Output = ::core::result::Result<#answer, #library::__private::StepError>
        > + ::core::marker::Send + #lifetime
    };
    let body = quote_spanned!(step.span()=> async move { #body });
    quote! {
        #[allow(non_snake_case, clippy::all, clippy::pedantic, clippy::nursery)]
        fn #name #generics(#call: #library::__private::Call<'saga, #self_type>) -> #future
        #assumed, for<'any> #library::__private::Call<'any, #self_type>: ::core::marker::Send
        {
            #body
        }
    }
}
